//! The page about the configuration says everything there is to say.

use clap::{Args, Command};

use super::Options;

#[test]
fn every_flag_and_variable_is_on_the_page() {
    let page = include_str!("../../../../docs/CONFIGURATION.md");
    let command = Options::augment_args(Command::new("starling"));
    for arg in command.get_arguments() {
        let flag = format!("`--{}`", arg.get_long().expect("a flag"));
        let variable = arg
            .get_env()
            .and_then(|name| name.to_str())
            .expect("a variable");
        assert!(page.contains(&flag), "{flag} is missing");
        assert!(
            page.contains(&format!("`{variable}`")),
            "{variable} is missing"
        );
    }
}
