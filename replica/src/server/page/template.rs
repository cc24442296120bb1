//! Values to begin with: for each type one value that the caller of a method can change.

use candid::pretty::candid::pp_label_raw;
use candid::types::{Field, Label, TypeEnv, TypeInner};
use candid::types::{Type, internal::is_primitive};

/// Most values within a template.
const VALUES_MAX: usize = 500;
/// Longer records and variants have a line for each field, in characters.
const LINE_CHARS_MAX: usize = 60;

/// Values of these types, as Candid text. `None` if a type has no value, or only values that are too large for a
/// template.
pub(super) fn template(env: &TypeEnv, types: &[Type]) -> Option<String> {
    let mut builder = Builder { env, left: VALUES_MAX, open: Vec::new() };
    let values: Option<Vec<String>> = types.iter().map(|ty| builder.value(ty)).collect();
    Some(enclosed("(", &values?, ",", ")"))
}

struct Builder<'a> {
    env: &'a TypeEnv,
    /// How many more values the template can have.
    left: usize,
    /// The named types around this place. A value within itself would have no end.
    open: Vec<String>,
}

impl Builder<'_> {
    fn value(&mut self, ty: &Type) -> Option<String> {
        self.left = self.left.checked_sub(1)?;
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

    fn record(&mut self, fields: &[Field]) -> Option<String> {
        let mut values = Vec::new();
        for (index, Field { id, ty }) in fields.iter().enumerate() {
            let value = self.value(ty)?;
            let is_position = u32::try_from(index) == Ok(id.get_id());
            values.push(if is_position { value } else { format!("{} = {value}", name(id)) });
        }
        Some(enclosed("record {", &values, ";", "}"))
    }

    /// The first variant that has a value.
    fn variant(&mut self, fields: &[Field]) -> Option<String> {
        let value = fields.iter().find_map(|Field { id, ty }| match ty.as_ref() {
            TypeInner::Null => Some(name(id)),
            _ => self.value(ty).map(|value| format!("{} = {value}", name(id))),
        })?;
        Some(enclosed("variant {", &[value], ";", "}"))
    }
}

/// A label, in quotation marks if it needs them.
fn name(label: &Label) -> String {
    pp_label_raw(label).pretty(usize::MAX).to_string()
}

/// Values in brackets, on one line if they are short.
fn enclosed(open: &str, values: &[String], separator: &str, close: &str) -> String {
    let space = if open.ends_with('{') && !values.is_empty() { " " } else { "" };
    let line = format!("{open}{space}{}{space}{close}", values.join(&format!("{separator} ")));
    if values.is_empty() || line.len() <= LINE_CHARS_MAX && !line.contains('\n') {
        return line;
    }
    let lines: String = values
        .iter()
        .map(|value| format!("  {}{separator}\n", value.replace('\n', "\n  ")))
        .collect();
    format!("{open}\n{lines}{close}")
}
