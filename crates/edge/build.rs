//! Takes the demo page and the client bundles in, so that the gateway is one file.
//!
//! The bundles come from the npm package pinned in `web/`. Without Node the build still succeeds;
//! the gateway then says at their addresses what is missing.

use std::{
    env,
    error::Error,
    fmt::Write,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

/// Address and file in `web/`.
const PAGE: [(&str, &str); 3] = [
    ("/", "index.html"),
    ("/app.js", "app.js"),
    ("/app.css", "app.css"),
];
const BUNDLES: [&str; 6] = [
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
];

fn main() -> Result<(), Box<dyn Error>> {
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../web");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", web.display());
    install(&web);
    let mut table = Table::new()?;
    for (address, file) in PAGE {
        table.add(address, &web.join(file))?;
    }
    for file in BUNDLES {
        let source = web.join("node_modules/socket.io-client/dist").join(file);
        table.add(&format!("/socket.io/{file}"), &source)?;
    }
    table.write()
}

/// Fetches the packages when that has not been done. When it cannot be done, so be it.
fn install(web: &Path) {
    if web.join("node_modules").is_dir() {
        return;
    }
    let npm = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(web)
        .output();
    if !npm.is_ok_and(|output| output.status.success()) {
        println!("cargo::warning=no npm packages in web/: built without the client bundles");
    }
}

/// The source of a table of all files that are there: address, content, entity tag.
struct Table {
    out: PathBuf,
    text: String,
}

impl Table {
    fn new() -> Result<Self, Box<dyn Error>> {
        let out = PathBuf::from(env::var("OUT_DIR")?);
        Ok(Self {
            out,
            text: "[\n".into(),
        })
    }

    fn add(&mut self, address: &str, source: &Path) -> Result<(), Box<dyn Error>> {
        let Ok(content) = fs::read(source) else {
            return Ok(());
        };
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        fs::write(self.out.join(&*name), &content)?;
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let tag = hasher.finish();
        writeln!(
            self.text,
            "File {{ address: {address:?}, tag: \"\\\"{tag:016x}\\\"\", \
             content: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\")) }},"
        )?;
        Ok(())
    }

    fn write(self) -> Result<(), Box<dyn Error>> {
        fs::write(self.out.join("site.rs"), self.text + "]\n")?;
        Ok(())
    }
}
