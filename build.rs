//! Builds web/ with npm and Vite into OUT_DIR, from where it is embedded into the binary.
//!
//! `TANDEM_WEB_DIST=<folder>` embeds a page built elsewhere (packagers), `TANDEM_SKIP_WEB=1` a placeholder (no Node needed).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What the page is built from. Never web/ as a whole: node_modules in it would cause a rebuild for ever.
const INPUTS: &[&str] = &[
    "src",
    "public",
    "scripts",
    "index.html",
    "admin.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "vite.sdk.config.ts",
    "tsconfig.json",
];

const PLACEHOLDER: &str = "<!doctype html><html lang=\"en\"><title>Tandem</title><p>This binary was built without the page \
    (TANDEM_SKIP_WEB).</p></html>\n";

fn main() {
    println!("cargo::rerun-if-env-changed=TANDEM_SKIP_WEB");
    println!("cargo::rerun-if-env-changed=TANDEM_WEB_DIST");
    println!("cargo::rerun-if-changed=migrations");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("web");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).expect("OUT_DIR can be written");

    let made = if env::var_os("TANDEM_SKIP_WEB").is_some_and(|v| !v.is_empty() && v != "0") {
        fs::write(out.join("index.html"), PLACEHOLDER).map_err(|e| e.to_string())
    } else if let Some(dist) = env::var_os("TANDEM_WEB_DIST") {
        println!("cargo::rerun-if-changed={}", Path::new(&dist).display());
        copy(Path::new(&dist), &out)
    } else {
        for input in INPUTS {
            println!("cargo::rerun-if-changed=web/{input}");
        }
        build(Path::new("web"), &out)
    };
    if let Err(problem) = made {
        println!("cargo::error={problem}");
        std::process::exit(1);
    }
}

/// `npm ci` where the lock file is newer than what is installed, then Vite for the page and for the client library, then the compressed twins.
fn build(web: &Path, out: &Path) -> Result<(), String> {
    let installed = web.join("node_modules/.package-lock.json");
    let age = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    if age(&installed).is_none_or(|at| age(&web.join("package-lock.json")).is_some_and(|lock| lock > at)) {
        run(web, "npm", &["ci", "--no-audit", "--no-fund", "--ignore-scripts"])?;
    }
    let out = out.to_str().ok_or("the target folder's name is not UTF-8")?;
    vite(web, &["--outDir", out, "--emptyOutDir"])?;
    vite(web, &["--config", "vite.sdk.config.ts", "--outDir", &format!("{out}/sdk")])?;
    run(web, "node", &["scripts/compress.mjs", out])
}

fn vite(web: &Path, arguments: &[&str]) -> Result<(), String> {
    let all = [&["--no-install", "vite", "build", "--logLevel", "warn"], arguments].concat();
    run(web, "npx", &all)
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    let asked = format!("{program} {}", arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .map_err(|e| {
            format!(
                "{asked}: {e}. Building the page needs Node.js 20.19 or newer with npm; set TANDEM_WEB_DIST to a page built \
             elsewhere, or TANDEM_SKIP_WEB=1 to do without"
            )
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!(
        "{asked} failed: {}",
        String::from_utf8_lossy(&said).trim().replace('\n', " | ")
    ))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let fault = |e: std::io::Error| format!("TANDEM_WEB_DIST {}: {e}", from.display());
    fs::create_dir_all(to).map_err(fault)?;
    for entry in fs::read_dir(from).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).map_err(fault)?;
        }
    }
    Ok(())
}
