//! A picture, as part of a page or as a file.

use maud::{Markup, PreEscaped, html};

use super::style::STYLE;

/// The width of every picture, in pixels of its own.
pub(super) const WIDTH: f64 = 760.0;

/// A picture.
#[derive(Clone, Debug)]
pub struct Svg {
    /// What the picture shows, in one line.
    pub title: String,
    /// What the picture says, for those who cannot see it.
    pub description: String,
    /// The sentence below the title.
    pub message: String,
    height: f64,
    body: Markup,
    id: String,
}

impl Svg {
    /// A picture of this height with a title and a sentence below the title. `id` is a word that no other picture of
    /// a page has.
    pub(super) fn new(
        id: &str,
        (title, message): (&str, &str),
        description: impl Into<String>,
        height: f64,
        body: Markup,
    ) -> Self {
        let body = html! { (heading(title, message)) (body) };
        let (title, message, description) = (title.into(), message.into(), description.into());
        Self { title, description, message, height, body, id: id.into() }
    }

    /// The element `svg`, for a page that has [`STYLE`].
    pub fn element(&self) -> Markup {
        self.element_with(&html! {})
    }

    /// The picture as a file.
    pub fn to_file(&self) -> String {
        let style = html! { style { (PreEscaped(STYLE)) } };
        format!("{}\n", self.element_with(&style).into_string())
    }

    fn element_with(&self, style: &Markup) -> Markup {
        let (title, description) = (format!("{}-title", self.id), format!("{}-text", self.id));
        html! {
            svg class="picture" xmlns="http://www.w3.org/2000/svg" role="group"
                viewBox=(format!("0 0 {} {}", px(WIDTH), px(self.height)))
                width=(px(WIDTH)) height=(px(self.height))
                aria-labelledby=(format!("{title} {description}")) {
                title id=(title) { (self.title) }
                desc id=(description) { (self.description) }
                (style)
                defs { (hatch(&self.id)) }
                rect class="paper" width="100%" height="100%" {}
                (self.body)
            }
        }
    }
}

/// The pattern for what failed. Patterns cannot have classes from elsewhere in all programs, so its lines have one.
fn hatch(id: &str) -> Markup {
    html! {
        pattern id=(hatch_name(id)) width="6" height="6" patternUnits="userSpaceOnUse"
            patternTransform="rotate(45)" {
            rect class="hatch-ground" width="6" height="6" {}
            line class="hatch-line" x1="0" y1="0" x2="0" y2="6" {}
        }
    }
}

/// The name of the pattern for what failed, in a picture with this id.
pub(super) fn hatch_name(id: &str) -> String {
    format!("{id}-hatch")
}

/// The fill with the pattern for what failed.
pub(super) fn hatched(id: &str) -> String {
    format!("url(#{})", hatch_name(id))
}

/// A length or a position, with at most two decimals.
pub(super) fn px(length: f64) -> String {
    let rounded = (length * 100.0).round() / 100.0;
    // There is no `-0` in a picture.
    format!("{}", rounded + 0.0)
}

/// A rectangle of this class.
pub(super) fn rect(class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) -> Markup {
    html! {
        rect class=(class) x=(px(x)) y=(px(y)) width=(px(width.max(0.0))) height=(px(height.max(0.0))) {}
    }
}

/// A line of this class.
pub(super) fn line(class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> Markup {
    html! { line class=(class) x1=(px(x1)) y1=(px(y1)) x2=(px(x2)) y2=(px(y2)) {} }
}

/// A text of this class. The class says at which end the position is: `start` if it says nothing.
pub(super) fn text(class: &str, (x, y): (f64, f64), content: &str) -> Markup {
    html! { text class=(class) x=(px(x)) y=(px(y)) { (content) } }
}

/// The title of a picture and the sentence below it.
fn heading(title: &str, message: &str) -> Markup {
    html! {
        (text("title", (12.0, 24.0), title))
        (text("message", (12.0, 44.0), message))
    }
}
