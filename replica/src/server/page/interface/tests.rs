use super::*;

/// The method that is described first.
fn first(candid: &str) -> MethodJson {
    described(candid.into()).expect("it is an interface").methods.remove(0)
}

/// The template of the arguments of a method with these arguments.
fn template_of(types: &str, arguments: &str) -> Option<String> {
    first(&format!("{types} service : {{ f : {arguments} -> () }}")).template
}

/// Why this text is not read as an interface.
fn refused(candid: &str) -> String {
    described(candid.into()).expect_err("it is no interface that can be read").to_string()
}

#[test]
fn an_interface_lists_its_methods_with_types_modes_and_comments() {
    let text = "
        type user = record { name : text; age : nat8 };
        service : (opt nat) -> {
            // Finds a user.
            // There may be none.
            find : (nat64, user) -> (opt user) query;
            all : () -> (vec user) composite_query;
            tell : (text) -> () oneway;
            add : (user) -> (variant { ok; err : text });
        }";
    let described = described(text.into()).expect("it is an interface");
    assert_eq!(described.candid, text);
    let methods: Vec<_> =
        described.methods.iter().map(|method| (&*method.name, method.mode)).collect();
    let expected =
        [("add", "update"), ("all", "composite_query"), ("find", "query"), ("tell", "oneway")];
    assert_eq!(methods, expected);
    let find = &described.methods[2];
    assert_eq!(find.arguments, ["nat64", "user"]);
    assert_eq!(find.results, ["opt user"]);
    assert_eq!(find.description, "Finds a user.\nThere may be none.");
    assert_eq!(
        find.template.as_deref(),
        Some("(0 : nat64, record { age = 0 : nat8; name = \"\" })")
    );
}

#[test]
fn every_type_has_a_template_that_can_be_encoded() {
    for types in [
        "nat",
        "int",
        "nat8",
        "nat16",
        "nat32",
        "nat64",
        "int8",
        "int16",
        "int32",
        "int64",
        "float32",
        "float64",
        "bool",
        "text",
        "null",
        "reserved",
        "principal",
        "blob",
        "opt nat",
        "vec text",
        "record {}",
        "record { nat; text }",
        "record { a : nat; 7 : text; \"a b\" : bool; \"opt\" : int }",
        "variant { a; b : nat }",
        "variant { \"no name\" : nat }",
        "func (nat) -> (text) query",
        "service { f : () -> () }",
        "vec record { opt blob; record { text; variant { x : vec nat8 } } }",
    ] {
        let template = template_of("", &format!("({types}, {types})"));
        let template = template.unwrap_or_else(|| panic!("there is a template for {types}"));
        let candid = format!("service : {{ f : ({types}, {types}) -> () }}");
        crate::server::page::calls::encode(Some(&candid), "f", &template)
            .unwrap_or_else(|error| panic!("{types}: {template}: {error}"));
    }
}

#[test]
fn recursive_types_have_templates_that_end_and_endless_ones_have_none() {
    let list = "type list = opt record { head : nat; tail : list };";
    assert_eq!(template_of(list, "(list)").as_deref(), Some("(null)"));
    let tree = "type tree = variant { branch : record { tree; tree }; leaf : nat };";
    assert_eq!(template_of(tree, "(tree)").as_deref(), Some("(variant { leaf = 0 : nat })"));
    let two = "type a = record { b : b }; type b = variant { a : a; end };";
    assert_eq!(template_of(two, "(a)").as_deref(), Some("(record { b = variant { end } })"));
    assert_eq!(template_of("type endless = record { endless };", "(endless)"), None);
    assert_eq!(template_of("", "(empty)"), None);
}

#[test]
fn a_template_that_would_be_too_large_is_left_out() {
    let doubling: String =
        (0..60).map(|n| format!("type t{n} = record {{ t{0}; t{0} }};", n + 1)).collect();
    assert_eq!(template_of(&format!("{doubling} type t60 = nat;"), "(t0)"), None);
}

#[test]
fn long_templates_have_a_line_for_each_field() {
    let template =
        template_of("", "(record { the_first_field : principal; the_second_field : text })");
    let expected = "(\n  record {\n    the_first_field = principal \"aaaaa-aa\";\n    the_second_field = \"\";\n  },\n)";
    assert_eq!(template.as_deref(), Some(expected));
}

#[test]
fn texts_that_are_no_interface_are_refused_with_their_place() {
    assert_eq!(
        refused("service : {\n  f : (nat -> ();\n}"),
        "line 2, column 12: unexpected '->' (expected one of \")\", \",\", \":\")"
    );
    assert_eq!(refused("type t = nat;"), "the interface has no service");
    assert!(refused("service : { f : (missing) -> () }").contains("missing"));
    assert!(refused("type a = b; type b = a; service : { f : (a) -> () }").contains("cyclic"));
    assert!(refused("service : { \"unclosed").contains("Unclosed string"));
    assert!(refused("service : { /* unclosed").contains("Unclosed comment"));
    assert!(refused("type t = record { 0X1F : nat }; service : {}").contains("0x in lower case"));
    assert!(refused("type t = nat; type t = int; service : {}").contains("duplicate"));
}

#[test]
fn huge_and_deep_interfaces_are_refused_with_a_sentence() {
    let opts = format!("type t = {} nat; service : {{}}", "opt ".repeat(100_000));
    assert!(refused(&opts).contains("nested more than"), "{}", refused(&opts));
    let records = format!("type t = {}", "record { ".repeat(50_000));
    assert!(refused(&records).contains("nested more than"));
    let mixed = format!("type t = {}", "vec record { opt vec func (".repeat(15_000));
    assert!(refused(&mixed).contains("nested more than"));
    assert!(refused(&"// a\n".repeat(100_000)).contains("comments in a row"));
    assert!(refused(&"/**/".repeat(100_000)).contains("comments in a row"));
    assert!(refused(&"(".repeat(1_000_000)).contains("1000000 bytes"));
    let chain: String = (0..6_000).map(|n| format!("type t{n} = opt t{};", n + 1)).collect();
    assert!(refused(&format!("{chain} type t6000 = nat; service : {{}}")).contains("6001 types"));
    let aliases: String = (0..600).map(|n| format!("type t{n} = t{};", n + 1)).collect();
    assert!(refused(&format!("{aliases} type t600 = nat; service : {{}}")).contains("600 of them"));
    let arguments = vec!["nat"; 101].join(", ");
    let many = format!("service : {{ f : ({arguments}) -> () }}");
    assert!(refused(&many).contains("more than 100 arguments"));
}

#[test]
fn the_largest_interfaces_that_are_allowed_are_read() {
    let chain: String =
        (0..4_999).map(|n| format!("type t{n} = record {{ opt t{} }};", n + 1)).collect();
    let method = first(&format!("{chain} type t4999 = nat; service : {{ f : (t0) -> (t0) }}"));
    assert_eq!(method.template.as_deref(), Some("(record { null })"));
    let wide: String = (0..20_000).map(|n| format!("field{n} : nat; ")).collect();
    let method = first(&format!("service : {{ f : (record {{ {wide} }}) -> () }}"));
    assert_eq!(method.template, None);
    let nested = format!("{} nat {}", "record { opt ".repeat(30), "}".repeat(30));
    assert_eq!(first(&format!("service : {{ f : ({nested}) -> () }}")).arguments.len(), 1);
    let comments = format!("{} service : {{ f : () -> () }}", "// a\n".repeat(2_000));
    assert_eq!(first(&comments).name, "f");
}

#[test]
fn the_templates_of_all_methods_together_are_short() {
    // A long name, used again and again.
    let long = |name_bytes: usize, arguments: usize, methods: usize| {
        let name = "x".repeat(name_bytes);
        let arguments = vec!["t"; arguments].join(", ");
        let methods: String =
            (0..methods).map(|n| format!("m{n} : ({arguments}) -> ();")).collect();
        let text = format!("type t = record {{ {name} : nat }}; service : {{ {methods} }}");
        described(text).expect("it is an interface").methods
    };
    let bytes = |methods: &[MethodJson]| -> usize {
        methods.iter().filter_map(|method| method.template.as_ref()).map(String::len).sum()
    };
    assert_eq!(bytes(&long(100_000, 100, 40)), 0);
    assert_eq!(bytes(&long(4_096, 1, 1)), 0);
    assert!(bytes(&long(4_000, 1, 1)) > 4_000);
    let methods = long(1_000, 3, 400);
    assert!((200_000..=256 << 10).contains(&bytes(&methods)), "{}", bytes(&methods));
    assert!(methods[0].template.is_some() && methods[399].template.is_none());
}
