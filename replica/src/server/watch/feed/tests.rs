use super::*;

#[test]
fn times_are_milliseconds_with_three_digits_and_long_texts_are_cut_between_characters() {
    assert_eq!(millis(Moment { round: 1, nanos: 2_001_234_567 }), 2_001.234);
    assert_eq!(shortened("ping"), "ping");
    let long = shortened(&"ü".repeat(PAGE_TEXT_BYTES_MAX));
    assert_eq!(long.chars().count(), PAGE_TEXT_BYTES_MAX / 2 + 1);
}
