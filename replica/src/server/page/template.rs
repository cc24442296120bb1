//! Values to begin with: for each type one value that the caller of a method can change.

use candid::pretty::candid::pp_label_raw;
use candid::types::{Field, Label, TypeEnv, TypeInner};
use candid::types::{Type, internal::is_primitive};

/// Most values within a template.
const VALUES_MAX: usize = 500;
/// Most bytes of a template.
const TEMPLATE_BYTES_MAX: usize = 4 << 10;
/// Most bytes of the templates of all methods of an interface. Named types may be used any number of times, so that
/// the templates may be much longer than the interface.
const TEMPLATES_BYTES_MAX: usize = 256 << 10;
/// Longer records and variants have a line for each field, in characters.
const LINE_CHARS_MAX: usize = 60;

/// The templates of the methods of one interface.
pub(super) struct Templates<'a> {
    env: &'a TypeEnv,
    /// How many more bytes the templates can have, those that were left out included.
    bytes_left: usize,
}

impl<'a> Templates<'a> {
    /// No templates yet, for an interface with these types.
    pub(super) fn new(env: &'a TypeEnv) -> Self {
        Self { env, bytes_left: TEMPLATES_BYTES_MAX }
    }

    /// Values of these types, as Candid text. `None` if a type has no value, or only values that are too large for a
    /// template, or if the templates of earlier methods are too large.
    pub(super) fn template(&mut self, types: &[Type]) -> Option<String> {
        let bytes = TEMPLATE_BYTES_MAX.min(self.bytes_left);
        let mut builder =
            Builder { env: self.env, left: VALUES_MAX, bytes_left: bytes, open: Vec::new() };
        let values: Option<Vec<String>> = types.iter().map(|ty| builder.value(ty)).collect();
        let template = values.and_then(|values| enclosed("(", &values, ",", ")"));
        // Line breaks and brackets are not counted one by one.
        let used = (bytes - builder.bytes_left).max(template.as_ref().map_or(1, String::len));
        let left = self.bytes_left.checked_sub(used);
        self.bytes_left = left.unwrap_or(0);
        template.filter(|_| left.is_some())
    }
}

struct Builder<'a> {
    env: &'a TypeEnv,
    /// How many more values the template can have.
    left: usize,
    /// How many more bytes the names and values of the template can have.
    bytes_left: usize,
    /// The named types around this place. A value within itself would have no end.
    open: Vec<String>,
}

impl Builder<'_> {
    fn value(&mut self, ty: &Type) -> Option<String> {
        self.left = self.left.checked_sub(1)?;
        self.take(1)?;
        Some(match ty.as_ref() {
            TypeInner::Var(name) => {
                if self.open.contains(name) {
                    return None;
                }
                let named = self.env.find_type(name).ok()?.clone();
                self.open.push(name.clone());
                let value = self.value(&named);
                self.open.pop();
                value?
            }
            TypeInner::Null | TypeInner::Opt(_) => "null".into(),
            TypeInner::Bool => "false".into(),
            TypeInner::Text => "\"\"".into(),
            TypeInner::Float32 | TypeInner::Float64 => format!("0.0 : {ty}"),
            TypeInner::Reserved => "null : reserved".into(),
            TypeInner::Vec(_) if ty.is_blob(self.env) => "blob \"\"".into(),
            TypeInner::Vec(_) => "vec {}".into(),
            TypeInner::Principal => "principal \"aaaaa-aa\"".into(),
            TypeInner::Service(_) => "service \"aaaaa-aa\"".into(),
            TypeInner::Func(_) => "func \"aaaaa-aa\".method".into(),
            TypeInner::Record(fields) => self.record(fields)?,
            TypeInner::Variant(fields) => self.variant(fields)?,
            // Numbers.
            _ if is_primitive(ty) && *ty.as_ref() != TypeInner::Empty => format!("0 : {ty}"),
            _ => return None,
        })
    }

    /// Counts these bytes. `None` if they are too many.
    fn take(&mut self, bytes: usize) -> Option<()> {
        self.bytes_left = self.bytes_left.checked_sub(bytes)?;
        Some(())
    }

    /// A label, in quotation marks if it needs them. `None` if it is too long.
    fn name(&mut self, label: &Label) -> Option<String> {
        if let Label::Named(name) = label {
            self.take(name.len())?;
        }
        Some(pp_label_raw(label).pretty(usize::MAX).to_string())
    }

    fn record(&mut self, fields: &[Field]) -> Option<String> {
        let mut values = Vec::new();
        for (index, Field { id, ty }) in fields.iter().enumerate() {
            let value = self.value(ty)?;
            let is_position = u32::try_from(index) == Ok(id.get_id());
            values.push(if is_position { value } else { format!("{} = {value}", self.name(id)?) });
        }
        enclosed("record {", &values, ";", "}")
    }

    /// The first variant that has a value.
    fn variant(&mut self, fields: &[Field]) -> Option<String> {
        let value = fields.iter().find_map(|Field { id, ty }| match ty.as_ref() {
            TypeInner::Null => self.name(id),
            _ => {
                let value = self.value(ty)?;
                Some(format!("{} = {value}", self.name(id)?))
            }
        })?;
        enclosed("variant {", &[value], ";", "}")
    }
}

/// Values in brackets, on one line if they are short. `None` if they are too long for a template.
fn enclosed(open: &str, values: &[String], separator: &str, close: &str) -> Option<String> {
    if values.iter().map(String::len).sum::<usize>() > TEMPLATE_BYTES_MAX {
        return None;
    }
    let space = if open.ends_with('{') && !values.is_empty() { " " } else { "" };
    let line = format!("{open}{space}{}{space}{close}", values.join(&format!("{separator} ")));
    if values.is_empty() || line.len() <= LINE_CHARS_MAX && !line.contains('\n') {
        return Some(line);
    }
    let lines: String = values
        .iter()
        .map(|value| format!("  {}{separator}\n", value.replace('\n', "\n  ")))
        .collect();
    Some(format!("{open}\n{lines}{close}")).filter(|text| text.len() <= TEMPLATE_BYTES_MAX)
}
