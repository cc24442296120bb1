use super::*;

#[test]
fn tokens_are_long_and_random_and_only_the_whole_token_is_right() {
    let [one, other] = [Token::random(), Token::random()].map(|token| token.expect("random"));
    assert_eq!(one.0.len(), 2 * PAGE_TOKEN_BYTES);
    assert_ne!(one.0, other.0);
    assert!(one.is(one.0.as_bytes()));
    let text = &one.0[..];
    for wrong in [&other.0[..], "", &text[1..], &format!("{text}0"), &text.to_uppercase()] {
        assert!(wrong == text || !one.is(wrong.as_bytes()), "{wrong}");
    }
}

#[test]
fn a_token_is_not_part_of_debug_output() {
    let access = Access { names: Names::default(), token: Token::random().expect("random") };
    assert!(!format!("{access:?}").contains(&access.token.0));
}

#[test]
fn the_link_has_the_name_below_which_canisters_have_their_pages() {
    let token = Token("abc".into());
    for (address, link) in [
        ("127.0.0.1:4943", "http://localhost:4943/#token=abc"),
        ("0.0.0.0:1", "http://localhost:1/#token=abc"),
        ("[::]:1", "http://localhost:1/#token=abc"),
        ("10.0.0.7:80", "http://10.0.0.7:80/#token=abc"),
        ("[::1]:80", "http://[::1]:80/#token=abc"),
    ] {
        assert_eq!(token.link(address.parse().expect("an address")), link);
    }
}
