use super::*;

fn settings(args: &[&str], server_binary: Option<&str>) -> Result<Settings, Error> {
    let cli = Cli::try_parse_from([&["multi_subnet"], args].concat())
        .expect("the arguments are well formed");
    Settings::resolve(&cli, |name| {
        assert_eq!(name, SERVER_BINARY_VARIABLE);
        server_binary.map(Into::into)
    })
}

fn refusal(args: &[&str]) -> String {
    let error = Cli::try_parse_from([&["multi_subnet"], args].concat())
        .expect_err("the arguments are wrong");
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

#[test]
fn without_arguments_ninety_calls_cross_subnets_on_the_embedded_replica() {
    assert_eq!(
        settings(&[], None).expect("defaults"),
        Settings {
            calls: 90,
            same_subnet: false,
            caller_cycles: 100_000_000_000_000,
            profile: Profile::PocketIc,
            server: ServerChoice::Embedded,
        }
    );
}

#[test]
fn the_server_binary_of_the_environment_is_the_default_and_an_argument_wins() {
    let from_environment = settings(&[], Some("/opt/pocket-ic")).expect("defaults");
    assert_eq!(from_environment.server, ServerChoice::Binary("/opt/pocket-ic".into()));
    let from_argument =
        settings(&["--server", "embedded"], Some("/opt/pocket-ic")).expect("arguments");
    assert_eq!(from_argument.server, ServerChoice::Embedded);
    let empty = settings(&[], Some("")).expect("defaults");
    assert_eq!(empty.server, ServerChoice::Embedded);
}

#[test]
fn the_mainnet_profile_is_refused_for_other_servers_however_they_were_chosen() {
    for (args, server_binary) in [
        (&["--profile", "mainnet", "--server", "pocket-ic"][..], None),
        (&["--profile", "mainnet", "--server", "http://localhost:1"][..], None),
        (&["--profile", "mainnet"][..], Some("/opt/pocket-ic")),
    ] {
        let error =
            settings(args, server_binary).expect_err("only the embedded replica has this profile");
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--server embedded"), "{error}");
    }
    let embedded =
        settings(&["--profile", "mainnet", "--server", "embedded"], Some("/opt/pocket-ic"));
    assert_eq!(embedded.expect("possible").profile, Profile::Mainnet);
}

#[test]
fn a_server_is_a_keyword_a_url_or_a_path() {
    let parse = |text: &str| text.parse::<ServerChoice>();
    assert_eq!(parse("embedded"), Ok(ServerChoice::Embedded));
    assert_eq!(parse("pocket-ic"), Ok(ServerChoice::PocketIc));
    assert_eq!(parse("./embedded"), Ok(ServerChoice::Binary("./embedded".into())));
    let url = parse("http://localhost:8080/prefix").expect("a URL");
    assert_eq!(url.to_string(), "http://localhost:8080/prefix/");
    assert!(parse("ftp://localhost").expect_err("scheme").contains("http://"));
    assert!(parse("http://").is_err());
    assert!(parse("").is_err());
}

#[test]
fn numbers_may_carry_underscores() {
    let settings = settings(&["--calls", "2_000", "--caller-cycles", "2_000_000_000_000"], None)
        .expect("numbers");
    assert_eq!((settings.calls, settings.caller_cycles), (2_000, 2_000_000_000_000));
}

#[test]
fn numbers_that_are_none_are_refused_with_an_example() {
    for value in ["many", "-5", "1.5", "+3", "_", ""] {
        let message = refusal(&["--calls", value]);
        assert!(message.contains("--calls") && message.contains("whole number"), "{message}");
    }
    assert!(refusal(&["--calls", "18446744073709551616"]).contains("too large"));
    assert!(refusal(&["--caller-cycles", "-1"]).contains("whole number"));
}

#[test]
fn unknown_profiles_and_arguments_are_refused() {
    assert!(refusal(&["--profile", "testnet"]).contains("mainnet"));
    assert!(refusal(&["--parallel"]).contains("--parallel"));
    assert!(refusal(&["90"]).contains("90"));
}

#[test]
fn profiles_carry_the_names_of_the_command_line() {
    for profile in [Profile::PocketIc, Profile::Mainnet] {
        let value = profile.to_possible_value().expect("no profile is hidden");
        assert_eq!(value.get_name(), profile.name());
        assert_eq!(profile.network().name, profile.name());
    }
}
