//! Takes the page and the client bundles in, so that the gateway is one file.
//!
//! The page is built from `web/` by the npm packages pinned there, when something in `web/` has changed.
//! Without Node the build still succeeds: it takes a page that is ready in `web/dist`, as the image does,
//! or the gateway says at the page's address what is missing.

use std::{
    env,
    error::Error,
    fmt::Write,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

/// What the page is made from. Not `node_modules` and `dist`: those are made.
const SOURCES: [&str; 6] = [
    "src",
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
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
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    // The layer of the image that builds the dependencies has no `web/` yet.
    for source in SOURCES.map(|name| web.join(name)) {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    let mut table = Table::new(out.clone());
    if let Some(page) = page(&web, &out)? {
        table.add("/", &page.join("index.html"))?;
        for file in files(&page.join("assets"))? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            table.add(&format!("/assets/{name}"), &file)?;
        }
    }
    for file in BUNDLES {
        let source = web.join("node_modules/socket.io-client/dist").join(file);
        if source.is_file() {
            table.add(&format!("/socket.io/{file}"), &source)?;
        }
    }
    table.write()
}

/// Where the built page is; nowhere if it could not be built.
fn page(web: &Path, out: &Path) -> Result<Option<PathBuf>, Box<dyn Error>> {
    let has_node = Command::new("npm").arg("--version").output().is_ok();
    if !has_node {
        let ready = web.join("dist");
        if ready.join("index.html").is_file() {
            println!("cargo::rerun-if-changed={}", ready.display());
            return Ok(Some(fs::canonicalize(ready)?));
        }
        println!("cargo::warning=no Node.js: built without the page and the client bundles");
        return Ok(None);
    }
    let page = out.join("page");
    let to = page.to_string_lossy();
    let built = (installed(web) || npm(web, &["ci"]))
        && npm(
            web,
            &["run", "build", "--", "--outDir", &to, "--emptyOutDir"],
        );
    Ok(built.then_some(page))
}

/// Whether the packages are those of the lock file.
fn installed(web: &Path) -> bool {
    let modified = |name: &str| fs::metadata(web.join(name)).and_then(|meta| meta.modified());
    match (
        modified("node_modules/.package-lock.json"),
        modified("package-lock.json"),
    ) {
        (Ok(have), Ok(wanted)) => have >= wanted,
        _ => false,
    }
}

/// Whether it could be done; what npm says about it becomes a warning.
fn npm(web: &Path, arguments: &[&str]) -> bool {
    let output = match Command::new("npm")
        .args(arguments)
        .current_dir(web)
        .output()
    {
        Ok(output) if output.status.success() => return true,
        Ok(output) => [output.stdout, output.stderr].concat(),
        Err(error) => error.to_string().into_bytes(),
    };
    println!(
        "cargo::warning=npm {}: built without the page",
        arguments.join(" ")
    );
    for line in String::from_utf8_lossy(&output).lines() {
        println!("cargo::warning={line}");
    }
    false
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<Result<Vec<_>, _>>()?;
    files.sort();
    Ok(files)
}

/// The source of a table of all files, which are copied: address, content, entity tag.
struct Table {
    out: PathBuf,
    text: String,
}

impl Table {
    fn new(out: PathBuf) -> Self {
        let text = String::new();
        Self { out, text }
    }

    fn add(&mut self, address: &str, source: &Path) -> Result<(), Box<dyn Error>> {
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        let content = fs::read(source)?;
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
        fs::write(self.out.join("site.rs"), format!("[\n{}]\n", self.text))?;
        Ok(())
    }
}
