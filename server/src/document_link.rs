//! Addresses of the page that shows a document at a passage.

use axum::http::{HeaderMap, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::tls::OverTls;

/// Leads to the documents of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DocumentLink {
    /// `http://HOST`, or nothing where the request named no host.
    origin: String,
    collection: String,
}

impl DocumentLink {
    /// Links under the name by which a client reached the server, so that it can follow
    /// them. A proxy that ends TLS says so by `X-Forwarded-Proto`.
    ///
    /// # Arguments
    /// * `tls` - whether the server ends TLS itself.
    pub(crate) fn new(headers: &HeaderMap, tls: Option<OverTls>, collection: &str) -> Self {
        let is_secure =
            tls.is_some() || headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
        let scheme = if is_secure { "https" } else { "http" };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let origin = host.map_or_else(String::new, |host| format!("{scheme}://{host}"));
        Self { origin, collection: collection.to_owned() }
    }

    /// The document, at the bytes of a passage where there is one.
    pub(crate) fn to(&self, document: &str, span: Option<[u32; 2]>) -> String {
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (collection, document) = (encoded(&self.collection), encoded(document));
        let place =
            span.map_or_else(String::new, |[start, end]| format!("&start={start}&end={end}"));
        format!("{}/?in={collection}&doc={document}{place}", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_under_the_host_of_the_request_and_survives_odd_names() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "127.0.0.1:7700".parse().unwrap());
        let link = DocumentLink::new(&headers, None, "a&b");
        let to = link.to("notes/a b?c#d%.md", Some([3, 9]));
        assert_eq!(
            to,
            "http://127.0.0.1:7700/?in=a%26b&doc=notes%2Fa%20b%3Fc%23d%25%2Emd&start=3&end=9"
        );
        let over_tls = DocumentLink::new(&headers, Some(OverTls), "a").to("b", None);
        assert_eq!(over_tls, "https://127.0.0.1:7700/?in=a&doc=b");
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
        assert!(DocumentLink::new(&headers, None, "a").to("b", None).starts_with("https://"));
        assert_eq!(DocumentLink::new(&HeaderMap::new(), None, "a").to("b", None), "/?in=a&doc=b");
    }
}
