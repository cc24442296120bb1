//! The status line of a network.

use crate::stderr;
use embedded_replica::server::Activity;
use indicatif::HumanCount;

/// The line below all others that says what the network has done. It costs nothing while the network does nothing.
#[derive(Debug, Default)]
pub struct StatusLine {
    shown: Option<Activity>,
}

impl StatusLine {
    /// Shows what a network has done.
    pub fn show(&mut self, activity: Activity) {
        if self.shown != Some(activity) {
            self.shown = Some(activity);
            stderr::show_status(text(activity));
        }
    }

    /// Removes the line.
    pub fn remove(self) {
        stderr::show_status(String::new());
    }
}

fn text(activity: Activity) -> String {
    let count = |number: u64, one: &str, many: &str| {
        format!("{} {}", HumanCount(number), if number == 1 { one } else { many })
    };
    let parts = [
        count(activity.rounds, "round", "rounds"),
        count(activity.messages, "message", "messages"),
        count(activity.canisters, "canister", "canisters"),
    ];
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_rounds_messages_and_canisters() {
        let activity = Activity { rounds: 12_345, messages: 1, canisters: 2 };
        assert_eq!(text(activity), "12,345 rounds, 1 message, 2 canisters");
    }
}
