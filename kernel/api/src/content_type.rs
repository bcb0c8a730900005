//! How a file of a repository is presented to a browser.
//!
//! Repositories hold what anybody uploads, and the hub's origin holds its users' sessions. So nothing is sent with a
//! type in which a script could run: what is not on this short list is shown as plain text or saved.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const TEXT: &[&str] = &[
    "bib",
    "c",
    "cfg",
    "conf",
    "cpp",
    "css",
    "csv",
    "gitattributes",
    "gitignore",
    "go",
    "h",
    "htm",
    "html",
    "ini",
    "ipynb",
    "java",
    "jinja",
    "js",
    "json",
    "jsonl",
    "lock",
    "log",
    "md",
    "mjs",
    "py",
    "r",
    "rs",
    "rst",
    "sh",
    "sql",
    "srt",
    "svg",
    "tex",
    "toml",
    "ts",
    "tsv",
    "txt",
    "vtt",
    "xhtml",
    "xml",
    "yaml",
    "yml",
];

const MEDIA: &[(&str, &str)] = &[
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("ico", "image/x-icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg"),
    ("png", "image/png"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
];

/// The `Content-Type` of a file, by its name.
pub fn of(file_name: &str) -> &'static str {
    let extension = file_name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let extension = match (&extension, file_name) {
        (Some(extension), _) => extension.as_str(),
        (None, "LICENSE" | "README" | "Makefile" | "Dockerfile" | "NOTICE" | "CHANGELOG") => "txt",
        (None, _) => "",
    };
    if TEXT.contains(&extension) {
        return "text/plain; charset=utf-8";
    }
    MEDIA.iter().find(|(known, _)| *known == extension).map_or("application/octet-stream", |(_, media)| media)
}

/// What RFC 8187 allows unencoded in `filename*`.
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `Content-Disposition` for a file of this name: the exact name for those who read RFC 8187, an ASCII one for others.
pub fn disposition(file_name: &str) -> String {
    let ascii: String = file_name
        .chars()
        .map(|c| if (c.is_ascii_graphic() || c == ' ') && !"\"\\%;".contains(c) { c } else { '_' })
        .collect();
    format!("inline; filename*=UTF-8''{}; filename=\"{ascii}\";", utf8_percent_encode(file_name, EXTENDED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_could_run_a_script_is_sent_as_what_it_is() {
        for name in ["a.html", "a.HTM", "x.svg", "a.xhtml", "a.xml", "a.js", "page.mjs"] {
            assert_eq!(of(name), "text/plain; charset=utf-8", "{name}");
        }
        for name in ["model.safetensors", "a.pdf", "noextension", "a.swf", ".bin", ""] {
            assert_eq!(of(name), "application/octet-stream", "{name}");
        }
        assert_eq!(of("cat.PNG"), "image/png");
        assert_eq!(of("README.md"), "text/plain; charset=utf-8");
    }

    #[test]
    fn a_file_name_cannot_break_out_of_its_header() {
        assert_eq!(disposition("a b.txt"), "inline; filename*=UTF-8''a%20b.txt; filename=\"a b.txt\";");
        assert_eq!(disposition("模\"\r\n;"), "inline; filename*=UTF-8''%E6%A8%A1%22%0D%0A%3B; filename=\"_____\";");
    }
}
