use super::*;

#[test]
fn tokens_are_long_and_random_and_only_the_whole_token_is_right() {
    let [one, other] = [Token::random(), Token::random()].map(|token| token.expect("random"));
    assert_eq!(one.text().len(), 2 * PAGE_TOKEN_BYTES);
    assert_ne!(one.text(), other.text());
    assert!(one.is(one.text().as_bytes()));
    let text = one.text();
    for wrong in [other.text(), "", &text[1..], &format!("{text}0"), &text.to_uppercase()] {
        assert!(wrong == text || !one.is(wrong.as_bytes()), "{wrong}");
    }
}

#[test]
fn a_token_is_not_part_of_debug_output() {
    let access = Access { names: Names::default(), token: Token::random().expect("random") };
    assert!(!format!("{access:?}").contains(access.token.text()));
}
