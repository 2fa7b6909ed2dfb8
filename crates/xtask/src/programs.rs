//! Programs of the system that the commands need, and how to get them.

use std::fs::File;
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
    let missing = missing(programs);
    if missing.is_empty() {
        return Ok(());
    }
    if nix::unistd::geteuid().is_root() && find("apt-get").is_some() {
        return install(programs);
    }
    bail!(
        "missing: {}. Install with: sudo apt-get install {}",
        names(&missing).join(", "),
        packages(&missing).join(" ")
    );
}

fn names(programs: &[&Program]) -> Vec<&'static str> {
    programs.iter().map(|program| program.name).collect()
}

fn packages(programs: &[&Program]) -> Vec<&'static str> {
    programs.iter().map(|program| program.package).collect()
}

fn missing(programs: &[Program]) -> Vec<&Program> {
    let all = programs.iter();
    all.filter(|program| find(program.name).is_none()).collect()
}

/// The program's path, or an error that names it.
pub fn require(name: &str) -> Result<PathBuf> {
    find(name).with_context(|| format!("{name} is not installed"))
}

/// One at a time: `apt-get update` does not wait for another one.
fn install(programs: &[Program]) -> Result<()> {
    let turn = File::open("/var/cache/apt")?;
    turn.lock()?;
    match packages(&missing(programs)) {
        packages if packages.is_empty() => Ok(()),
        packages => apt_install(&packages),
    }
}

fn apt_install(packages: &[&str]) -> Result<()> {
    eprintln!("xtask: installing {}", packages.join(" "));
    apt_get(&["update", "-qq"])?;
    apt_get(
        &[
            &[
                "install",
                "-y",
                "-qq",
                "-o",
                "DPkg::Lock::Timeout=300",
                "--no-install-recommends",
            ],
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
