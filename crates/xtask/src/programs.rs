//! Programs of the system that the commands need, and how to get them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A program and the Debian package that has it.
pub struct Program {
    /// Name of the executable.
    pub name: &'static str,
    /// Debian package.
    pub package: &'static str,
}

/// Redis itself.
pub const REDIS: Program = Program {
    name: "redis-server",
    package: "redis-server",
};
/// The balancer; the light build has all that the template uses.
pub const NGINX: Program = Program {
    name: "nginx",
    package: "nginx-light",
};
/// Node, for the end-to-end tests.
pub const NODE: Program = Program {
    name: "node",
    package: "nodejs",
};
/// Its package manager.
pub const NPM: Program = Program {
    name: "npm",
    package: "npm",
};

/// The browser, for the page's tests.
pub const CHROMIUM: Program = Program {
    name: "chromium",
    package: "chromium",
};

/// The program's path. `PATH` of an ordinary user lacks the sbin directories on Debian.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Makes sure that all of these are there: installs them as root on Debian, else says what to do.
pub fn ensure(programs: &[Program]) -> Result<()> {
    let missing: Vec<_> = programs.iter().filter(|p| find(p.name).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|p| p.package).collect();
    if !nix::unistd::geteuid().is_root() || find("apt-get").is_none() {
        let names: Vec<_> = missing.iter().map(|p| p.name).collect();
        bail!(
            "missing: {}. Install with: sudo apt-get install {}",
            names.join(", "),
            packages.join(" ")
        );
    }
    apt_install(&packages)
}

/// The program's path, or an error that names it.
pub fn require(name: &str) -> Result<PathBuf> {
    find(name).with_context(|| format!("{name} is not installed"))
}

fn apt_install(packages: &[&str]) -> Result<()> {
    eprintln!("xtask: installing {}", packages.join(" "));
    apt_get(&["update", "-qq"])?;
    apt_get(
        &[
            &["install", "-y", "-qq", "--no-install-recommends"],
            packages,
        ]
        .concat(),
    )
}

fn apt_get(args: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    // stdout belongs to the command's own result (one line of JSON, a summary).
    command
        .stdout(std::io::stderr())
        .stdin(std::process::Stdio::null());
    let status = command.status().context("apt-get")?;
    if !status.success() {
        bail!("apt-get {} failed", args.join(" "));
    }
    Ok(())
}
