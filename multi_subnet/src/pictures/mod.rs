//! Pictures of a run, as SVG: pure functions of recordings, with titles and descriptions for those who cannot see them.
//!
//! [`overview`] compares the strategies, [`timeline`] shows each call of a strategy, [`open_calls`] how many were
//! open and which walls stand there, and [`costs`] where cycles and instructions went. [`of_run`] makes all of them.
//! [`sweep()`] has the charts of a sweep.
//!
//! Colours tell kinds of bars apart also for the colour-blind (the palette of Okabe and Ito). What failed is hatched,
//! too. The pictures follow the reader's light or dark colour scheme, and need no script: the story of a call appears
//! when the pointer is over it, or when it has the focus.

mod axis;
mod bands;
mod costs;
mod items;
mod lanes;
mod open_calls;
mod overview;
mod style;
mod svg;
mod sweep;
mod timeline;
mod walls;
pub(crate) mod words;

pub use costs::{Costs, costs};
pub use open_calls::open_calls;
pub use overview::overview;
pub use style::STYLE;
pub use svg::Svg;
pub use sweep::sweep;
pub use timeline::timeline;

use crate::recorded::Recorded;
use crate::sweep::Sweep;

/// A picture with a name, which is the name of its file.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The name: lower case, with hyphens.
    pub name: String,
    /// The picture.
    pub svg: Svg,
}

/// All pictures of a run, in the order in which a reader wants them.
pub fn of_run(recorded: &Recorded) -> Vec<Picture> {
    let picture = |name: &str, svg| Picture { name: name.into(), svg };
    let mut pictures = vec![picture("overview", overview(recorded))];
    for strategy in &recorded.strategies {
        let name = strategy.measurement.name;
        pictures.push(picture(&format!("{name}-timeline"), timeline(recorded, strategy)));
        pictures.push(picture(&format!("{name}-open-calls"), open_calls(recorded, strategy)));
    }
    pictures.push(picture("costs", costs(recorded)));
    pictures
}

/// The pictures of a sweep: one for each series.
pub fn of_sweep(sweep: &Sweep) -> Vec<Picture> {
    let picture = |(index, series)| {
        let number = index + 1;
        Picture { name: format!("sweep-{number}"), svg: self::sweep(sweep, series, number) }
    };
    sweep.series.iter().enumerate().map(picture).collect()
}

#[cfg(test)]
mod story_tests;
#[cfg(test)]
mod tests;
