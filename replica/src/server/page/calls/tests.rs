use super::*;
use candid::{Int, Nat, Principal as Id, encode_args};

const CANDID: &str = "
    type user = record { name : text; age : nat8 };
    service : {
        ping : () -> ();
        count : (nat64) -> (nat64);
        add : (user, opt text) -> (variant { ok : user; err : text });
        tree : (tree) -> (tree);
    };";
const TREE: &str = "type tree = variant { branch : record { tree; tree }; leaf : int };";

fn candid() -> String {
    format!("{TREE}{CANDID}").replace("};;", "};").trim_end_matches(';').into()
}

fn encoded(method: &str, arguments: &str) -> Vec<u8> {
    encode(Some(&candid()), method, arguments)
        .unwrap_or_else(|error| panic!("{arguments}: {error}"))
}

fn refused(method: &str, arguments: &str) -> String {
    encode(Some(&candid()), method, arguments).expect_err("the arguments are wrong").to_string()
}

/// The text of a reply, and the note beside it.
fn shown(method: &str, reply: &[u8]) -> (Option<String>, Option<String>) {
    match replied(Some(&candid()), method, reply) {
        CallResponse::Replied { reply: text, note, raw } => {
            assert_eq!(raw, hex::encode(reply));
            (text, note)
        }
        CallResponse::Rejected { reject } => panic!("{reject:?}"),
    }
}

#[test]
fn arguments_get_the_types_of_the_method() {
    assert_eq!(encoded("count", "(2000)"), encode_args((2_000_u64,)).expect("a number"));
    assert_eq!(encoded("count", "(2_000 : nat64)"), encoded("count", "(2000)"));
    assert_eq!(encoded("ping", "()"), encode_args(()).expect("nothing"));
    let user = "(record { age = 7; name = \"A\" }, opt \"b\")";
    assert_eq!(
        encoded("add", user),
        encoded("add", "(record { name = \"A\"; age = 7 : nat8 }, opt \"b\")")
    );
    // Optional arguments at the end can be left out.
    assert_eq!(
        encoded("add", "(record { age = 7; name = \"A\" })"),
        encoded("add", "(record { age = 7; name = \"A\" }, null)")
    );
    encoded(
        "tree",
        "(variant { branch = record { variant { leaf = 1 }; variant { leaf = -2 } } })",
    );
}

#[test]
fn wrong_arguments_are_refused_with_line_and_column() {
    for (method, arguments, expected) in [
        ("count", "(2000", "line 1, column 6: the text ends too early"),
        ("count", "(\n  \"x\" 3)", "line 2, column 7: unexpected '3'"),
        ("count", "(-1)", "line 1, column 2: argument 1 is no nat64"),
        ("count", "(\"ten\")", "line 1, column 2: argument 1 is no nat64"),
        (
            "add",
            "(record { age = 7; name = \"A\" },\n 8)",
            "line 2, column 2: argument 2 is no opt text",
        ),
        ("add", "(record { age = 256; name = \"A\" })", "line 1, column 2: argument 1 is no user"),
        ("count", "(1, 2)", "line 1, column 5: there are 2 arguments, but the method takes 1"),
        ("count", "()", "line 1, column 2: there are 0 arguments, but the method takes 1"),
        ("count", "(1 : text)", "line 1, column 2: "),
        ("count", "(0X10)", "line 1, column 2: write the prefix 0x"),
        ("missing", "()", "no method 'missing'"),
    ] {
        let message = refused(method, arguments);
        assert!(message.contains(expected), "{arguments}: {message}");
    }
}

#[test]
fn hostile_arguments_are_refused_with_a_sentence() {
    assert!(refused("count", &"(".repeat(10_000)).contains("nested more than"));
    assert!(refused("count", &format!("({} 1)", "opt ".repeat(100_000))).contains("nested"));
    assert!(refused("count", &format!("({})", "9".repeat(20_000))).contains("10000 digits"));
    assert!(refused("count", &format!("(\"{}\")", "x".repeat(600_000))).contains("bytes"));
    assert!(
        refused("count", "(record { 4294967295 = 1; 2 })").contains("argument 1")
            || cfg!(debug_assertions)
    );
    assert!(refused("count", &format!("(\"{}\")", "x".repeat(10_000))).chars().count() < 700);
}

#[test]
fn without_an_interface_arguments_have_the_types_of_their_text() {
    let encoded = encode(None, "anything", "(7 : nat64, \"a\")").expect("they are values");
    assert_eq!(encoded, encode_args((7_u64, "a")).expect("the same values"));
}

#[test]
fn replies_are_shown_with_the_names_of_the_interface() {
    assert_eq!(
        shown("count", &encode_args((500_u64,)).expect("a number")).0.as_deref(),
        Some("(500 : nat64)")
    );
    let user = encoded("add", "(record { age = 7; name = \"A\" })");
    // The reply has other types than the method: it is shown without names.
    let (text, note) = shown("count", &user);
    let text = text.expect("there is a text");
    assert!(text.contains("1_224_700_491 = \"A\"") && text.contains("4_846_783 = 7"), "{text}");
    assert_eq!(note, None);
    let leaf = encoded("tree", "(variant { leaf = 3 })");
    assert_eq!(shown("tree", &leaf).0.as_deref(), Some("(variant { leaf = 3 : int })"));
}

#[test]
fn replies_that_are_no_candid_are_shown_as_bytes() {
    let (text, note) = shown("count", b"\xff\x00 no Candid");
    assert_eq!(text, None);
    assert!(note.expect("there is a note").contains("not shown as Candid"));
}

#[test]
fn hostile_replies_cost_bounded_work() {
    // A vector of four billion values that need no bytes.
    let nulls = b"DIDL\x01\x6d\x7f\x01\x00\xff\xff\xff\xff\x0f";
    assert_eq!(shown("count", nulls).0, None);
    // A number of two million bytes.
    let long = [b"DIDL\x00\x01\x7d".as_slice(), &vec![0xff; 2_000_000], b"\x01"].concat();
    assert_eq!(shown("count", &long).0, None);
    // A number of five thousand bytes.
    let long = [b"DIDL\x00\x01\x7d".as_slice(), &vec![0xff; 5_000], b"\x01"].concat();
    let (text, note) = shown("count", &long);
    assert_eq!(text, None);
    assert!(note.expect("there is a note").contains("a number that is too long"));
    // An option within itself, a million levels deep.
    let deep = [b"DIDL\x01\x6e\x00\x01\x00".as_slice(), &vec![1; 1_000_000], b"\x00"].concat();
    assert_eq!(shown("count", &deep).0, None);
    // A long text.
    let (text, note) = shown("count", &encode_args(("x".repeat(1_900_000),)).expect("a text"));
    assert_eq!(text.expect("its beginning is shown").len(), REPLY_TEXT_BYTES_MAX);
    assert!(note.expect("there is a note").contains("only the beginning"));
}

#[test]
fn numbers_of_any_usual_length_are_shown() {
    let number = Nat::parse(&[b'9'; 1_000]).expect("digits");
    let (text, _) =
        shown("count", &encode_args((number, Int::from(-1), Id::anonymous())).expect("values"));
    assert!(text.expect("it is shown").contains("-1 : int"));
}

#[test]
fn replies_of_the_largest_size_are_shown_up_to_the_limit_for_texts() {
    // Replies have at most 2 MB.
    let numbers = vec![u64::MAX; 240_000];
    for reply in [encode_args((numbers,)), encode_args((vec![7_u8; 1_900_000],))] {
        let (text, note) = shown("count", &reply.expect("values"));
        assert_eq!(text.expect("its beginning is shown").len(), REPLY_TEXT_BYTES_MAX);
        assert!(note.expect("there is a note").contains("only the beginning"));
    }
}

#[test]
fn replies_with_too_many_values_are_not_shown_and_the_note_names_the_limit() {
    let reply = encode_args((vec![Some(true); 900_000],)).expect("values");
    let (text, note) = shown("count", &reply);
    assert_eq!(text, None);
    let note = note.expect("there is a note");
    assert!(note.contains("too many values") && note.contains("4194304 units"), "{note}");
}

#[test]
fn replies_whose_types_take_long_to_compare_are_shown_without_names() {
    let fields: String = (0..40).map(|n| format!("field{n} : nat; ")).collect();
    let interface = |records: usize| {
        let record = |n: usize| {
            let next = if n + 1 == records { "nat".into() } else { format!("opt t{}", n + 1) };
            format!("type t{n} = record {{ next : {next}; {fields} }};")
        };
        let records: String = (0..records).map(record).collect();
        format!("{records} service : {{ f : (t0) -> (t0); }}")
    };
    let values: String = (0..40).map(|n| format!("field{n} = 0; ")).collect();
    for (records, has_names) in [(50, true), (200, false)] {
        let candid = interface(records);
        let value = format!("(record {{ next = null; {values} }})");
        let reply = encode(Some(&candid), "f", &value).expect("a record");
        let CallResponse::Replied { reply: Some(text), note: None, .. } =
            replied(Some(&candid), "f", &reply)
        else {
            panic!("the reply is shown");
        };
        assert_eq!(text.contains("field7 = 0"), has_names, "{records}: {text}");
        assert!(TypesSize::of_reply(&reply).is_some());
    }
}

#[test]
fn the_types_of_a_reply_are_counted_as_in_its_interface() {
    let candid = "
        type t = record { a : opt nat; b : vec text; c : f; d : s; e : variant { x; y : principal } };
        type f = func (nat, text) -> (bool) query;
        type s = service { m : (nat) -> (); n : f };
        service : { g : (t) -> (t) }";
    let value = "(record { a = null; b = vec {}; c = func \"aaaaa-aa\".m; d = service \"aaaaa-aa\"; e = variant { x } })";
    let reply = encode(Some(candid), "g", value).expect("a record");
    let size = TypesSize::of_reply(&reply).expect("a header");
    let interface = Interface::parse(candid).expect("an interface");
    assert_eq!(size, TypesSize::of_interface(&interface.env, &[]));
    assert_eq!(size.comparisons_with(size), 2 * 7 * 15);
    for end in 0..20 {
        assert_eq!(TypesSize::of_reply(&reply[..end]), None, "{end} bytes");
    }
}
