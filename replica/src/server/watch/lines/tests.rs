use super::*;

fn line(index: u64, text: &str) -> Line {
    Line::new(CanisterId::MANAGEMENT, index, Time::GENESIS, text.as_bytes())
}

fn indices(message: &LineMessage<'_>) -> Vec<u64> {
    message.lines.iter().map(|line| line.index).collect()
}

#[test]
fn lines_are_sent_once_and_remembered_for_pages_that_are_opened_later() {
    let mut lines = Lines::default();
    assert!(lines.take_message().is_none());
    lines.push(line(0, "a"));
    lines.push(line(1, "<script>"));
    assert_eq!(indices(&lines.sent()), [0; 0]);
    let message = lines.take_message().expect("there are two");
    assert_eq!((indices(&message), message.dropped), (vec![0, 1], 0));
    assert!(lines.take_message().is_none());
    lines.push(line(2, "b"));
    assert_eq!(indices(&lines.sent()), [0, 1]);
}

#[test]
fn of_too_many_lines_the_latest_are_sent_and_the_others_are_counted() {
    let mut lines = Lines::default();
    let count = 10_000;
    (0..count).for_each(|index| lines.push(line(index, "0123456789")));
    let bytes = 10 + PAGE_LOG_LINE_OVERHEAD_BYTES;
    let message = lines.take_message().expect("there are many");
    let sent = message.lines.len();
    assert_eq!(sent, PAGE_LOG_MESSAGE_BYTES_MAX / bytes);
    assert_eq!(message.dropped, count - sent as u64);
    assert_eq!(message.lines.last().map(|line| line.index), Some(count - 1));
    assert_eq!(lines.sent().lines.len(), PAGE_LOG_BYTES_MAX / bytes);
}

#[test]
fn a_long_line_is_cut_and_a_line_of_any_bytes_is_text() {
    let long = line(0, &"x".repeat(2 * PAGE_LOG_LINE_BYTES_MAX));
    assert_eq!(long.text.chars().count(), PAGE_LOG_LINE_BYTES_MAX + 1);
    let bytes = Line::new(CanisterId::MANAGEMENT, 0, Time::GENESIS, &[b'a', 0xff]);
    assert_eq!(bytes.text, "a\u{fffd}");
}
