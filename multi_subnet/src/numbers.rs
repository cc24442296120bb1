//! Numbers and durations as text.

use std::time::Duration;

/// A model time in seconds with one decimal: every profile's round length is a multiple of 0.1 s.
pub fn seconds(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    format!("{}.{} s", grouped(tenths / 10), tenths % 10)
}

/// A word with a capital first letter.
pub fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A number with a comma between each three digits.
pub fn grouped(number: u128) -> String {
    in_groups(number, ',')
}

/// A number with an underscore between each three digits, as the command line accepts it.
pub fn underscored(number: u128) -> String {
    in_groups(number, '_')
}

fn in_groups(number: u128, separator: char) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345, "12,345"),
            (483_080_498, "483,080,498"),
        ] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(grouped(u128::MAX).matches(',').count(), 12);
    }

    #[test]
    fn model_time_is_shown_in_tenths_of_a_second() {
        for (millis, text) in
            [(0, "0.0 s"), (500, "0.5 s"), (180_000, "180.0 s"), (4_000_500, "4,000.5 s")]
        {
            assert_eq!(seconds(Duration::from_millis(millis)), text);
        }
    }
}
