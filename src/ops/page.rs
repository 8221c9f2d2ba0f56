//! The live page: a few files that stand in the program. They hold nothing that anybody may not see; what they show is
//! asked for at the addresses that the token guards.

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::routing::get;

/// Nothing from anywhere else, nothing within the page itself, and no other page around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const ICON: &str = "image/svg+xml";

/// One file of the page, under its own name.
macro_rules! file {
    ($name:literal $kind:ident) => {
        (concat!("/page/", $name), $kind, include_str!(concat!("page/", $name)))
    };
}

/// Where each file is, of what type, and what is in it.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("page/index.html")),
    file!("page.css" CSS),
    file!("icon.svg" ICON),
    file!("main.js" SCRIPT),
    file!("stream.js" SCRIPT),
    file!("token.js" SCRIPT),
    file!("dom.js" SCRIPT),
    file!("words.js" SCRIPT),
    file!("spark.js" SCRIPT),
    file!("summary.js" SCRIPT),
    file!("cores.js" SCRIPT),
    file!("drain.js" SCRIPT),
    file!("lists.js" SCRIPT),
    file!("route.js" SCRIPT),
    file!("config.js" SCRIPT),
];

/// Whether a path is a file of the page.
pub(super) fn is_file(path: &str) -> bool {
    FILES.iter().any(|(at, ..)| *at == path)
}

/// The files.
pub(super) fn files<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.iter().fold(Router::new(), |pages, (path, kind, content)| {
        let headers: [(HeaderName, &str); 5] = [
            (CONTENT_TYPE, kind),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            // Another version of the program has other files under the same names.
            (CACHE_CONTROL, "no-cache"),
        ];
        pages.route(path, get(async move || (headers, *content)))
    })
}
