use super::*;

fn toml(text: &str) -> Result<Options> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), text)?;
    with_file(Options::default(), Some(file.path()))
}

fn serve(text: &str) -> Result<Config> {
    Config::new(toml(text)?, Mode::Serve)
}

const SECRET: &str = "[auth]\njwt_secret = \"0123456789abcdef0123456789abcdef\"\n";

#[test]
fn without_a_key_and_without_guests_it_refuses_to_start() {
    let error = serve("").unwrap_err().to_string();
    assert!(
        error.contains("STARLING_JWT_SECRET") && error.contains("starling dev"),
        "{error}"
    );
    assert!(serve("[auth]\nguest = true").is_ok());
    assert!(serve(SECRET).is_ok());
}

#[test]
fn a_mistyped_key_is_an_error_that_names_it() {
    let error = format!("{:#}", toml("[limits]\nmax_rums = 1").unwrap_err());
    assert!(error.contains("max_rums"), "{error}");
}

#[test]
fn values_out_of_range_are_refused() {
    for bad in [
        "[presence]\ngrace_ms = 1",
        "[node]\nname = \"GW 1\"",
        "[node]\nworkers = 0",
        "[node]\nworkers = 65",
        "[node]\ndrain_ms = 60000",
        "[limits]\nmax_packet = 1",
        "[redis]\nurl = \"http://x\"",
        "[redis]\nhistory = 1",
    ] {
        assert!(serve(&format!("{SECRET}{bad}")).is_err(), "{bad}");
    }
    assert!(serve("[auth]\njwt_secret = \"short\"").is_err());
    assert!(serve(&format!("{SECRET}api_keys = [\"x\"]")).is_err());
}

#[test]
fn origins_of_applications_and_credentials_can_be_set() {
    let http =
        "[http]\ncors_origins = [\"capacitor://localhost\", \"null\"]\ncors_credentials = true";
    let edge = serve(&format!("{SECRET}{http}")).unwrap().edge;
    assert!(edge.credentials);
    let origins = ["capacitor://localhost", "null"].map(str::to_owned);
    assert_eq!(edge.origins, Origins::List(origins.to_vec()));
    assert!(!serve(SECRET).unwrap().edge.credentials);
}

#[test]
fn messages_are_compressed_only_if_said_so() {
    let compression = |http: &str| {
        let text = format!("{SECRET}[http]\n{http}");
        serve(&text).unwrap().edge.compression
    };
    assert!(!compression(""));
    assert!(compression("compression = true"));
}

#[test]
fn a_client_has_45_s_to_enter_a_namespace_unless_said_otherwise() {
    let timeout = |http: &str| {
        serve(&format!("{SECRET}{http}"))
            .unwrap()
            .edge
            .connect_timeout
    };
    assert_eq!(timeout(""), Duration::from_secs(45));
    let said = "[http]\nconnect_timeout_ms = 60000";
    assert_eq!(timeout(said), Duration::from_secs(60));
}

#[test]
fn what_is_promised_without_a_word_about_it_holds() {
    let config = serve(SECRET).unwrap();
    assert_eq!(config.limits.large_room, 250);
    assert_eq!(config.edge.write_timeout, Duration::from_secs(20));
    let said = serve(&format!("{SECRET}[rooms]\nlarge = 5")).unwrap();
    assert_eq!(said.limits.large_room, 5);
}

#[test]
fn what_is_said_first_wins() {
    let mut said = Options::default();
    said.limits.max_rooms = Some(3);
    let file = toml("[limits]\nmax_rooms = 5\nmax_text = 7").unwrap();
    let both = said.or(file);
    assert_eq!(
        (both.limits.max_rooms, both.limits.max_text),
        (Some(3), Some(7))
    );
}

#[test]
fn whoever_names_themselves_is_signed_in_in_dev_only() {
    let secret = || toml(SECRET).unwrap();
    let dev = |said| Config::new(said, Mode::Dev).unwrap().edge.sign_in;
    assert!(dev(Options::default()).is_some());
    assert!(dev(secret()).is_some());
    let served = Config::new(secret(), Mode::Serve).unwrap();
    assert!(served.edge.sign_in.is_none());
    let mut guests = secret();
    guests.auth.guest = Some(true);
    let served = Config::new(guests, Mode::Serve).unwrap();
    assert!(served.edge.sign_in.is_none());
}

#[test]
fn dev_is_for_this_machine_only() {
    assert!(Config::new(Options::default(), Mode::Dev).is_ok());
    let public = toml("[node]\nlisten = \"0.0.0.0:3000\"").unwrap();
    assert!(Config::new(public, Mode::Dev).is_err());
}
