//! Covered components (RFC 9421 §2): what each identifier means and its value in a request.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use sfv::{BareItem, FieldType as _, Item, ListEntry, Parameters};

use crate::field;
use crate::request::{Ambiguous, Request, RequestError, Target};

/// Why a covered component has no value in this request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// The identifier is unknown, not for requests, or not supported.
    #[error("the signature covers {component}, which {reason}")]
    Unsupported {
        /// The identifier as serialised, with its parameters.
        component: String,
        /// Ends the sentence "which …".
        reason: &'static str,
    },
    /// The request lacks what the identifier names.
    #[error("the signature covers {component}, but the request has no such {kind}")]
    Absent {
        /// The identifier as serialised, with its parameters.
        component: String,
        /// `header`, `query parameter` or `dictionary member`.
        kind: &'static str,
    },
    /// The value exists but cannot be part of a signature base.
    #[error("the signature covers {component}, but {reason}")]
    Unusable {
        /// The identifier as serialised, with its parameters.
        component: String,
        /// Ends the sentence "but …".
        reason: &'static str,
    },
    /// The method or URL cannot be signed.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// One covered component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    identifier: String,
    source: Source,
}

/// Where the value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
    QueryParam(String),
    /// All lines of a field, combined.
    Field(HeaderName),
    /// One member of a dictionary field, strictly serialised (`;key`).
    Member(HeaderName, String),
    /// Each line of a field as a byte sequence (`;bs`).
    Bytes(HeaderName),
    /// Kept, so that the refusal can say which and why.
    Unsupported(&'static str),
}

impl Component {
    /// `None` when the item is not a string, which no component identifier may be (RFC 9421 §2).
    pub(crate) fn from_item(item: &Item) -> Option<Self> {
        let name = item.bare_item.as_string()?.as_str();
        let source = if name.starts_with('@') { derived(name, &item.params) } else { field(name, &item.params) };
        Some(Self { identifier: item.serialize(), source })
    }

    /// The identifier as it stands in the signature base: the name in quotes, then its parameters.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// Whether this covers the whole of `name`, without parameters that would narrow it.
    pub(crate) fn is_plain(&self, name: &str) -> bool {
        self.identifier.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) == Some(name)
    }

    /// Appends the line of this component to a signature base, without a line end.
    pub(crate) fn push_line(
        &self,
        out: &mut String,
        request: &Request<'_>,
        target: &Target<'_>,
    ) -> Result<(), ComponentError> {
        out.push_str(&self.identifier);
        out.push_str(": ");
        self.push_value(out, request, target)
    }

    fn push_value(&self, out: &mut String, request: &Request<'_>, target: &Target<'_>) -> Result<(), ComponentError> {
        match &self.source {
            Source::Method => out.push_str(request.method),
            Source::TargetUri => out.push_str(request.target_uri),
            Source::Authority => out.push_str(&target.authority()),
            Source::Scheme => out.push_str(&target.scheme()),
            Source::Path => out.push_str(target.path()),
            Source::Query => {
                out.push('?');
                out.push_str(target.query().unwrap_or_default());
            }
            Source::RequestTarget => {
                out.push_str(target.path());
                if let Some(query) = target.query() {
                    out.push('?');
                    out.push_str(query);
                }
            }
            Source::QueryParam(name) => match target.query_param(name) {
                Ok(Some(value)) => out.push_str(&value),
                Ok(None) => return Err(self.absent("query parameter")),
                Err(Ambiguous) => return Err(self.unusable("that parameter occurs more than once in the query")),
            },
            Source::Field(name) => self.push_field(out, request, name)?,
            Source::Member(name, key) => self.push_member(out, request, name, key)?,
            Source::Bytes(name) => {
                let mut present = false;
                for line in request.headers.get_all(name) {
                    out.push_str(if present { ", :" } else { ":" });
                    present = true;
                    STANDARD.encode_string(line.as_bytes().trim_ascii(), out);
                    out.push(':');
                }
                if !present {
                    return Err(self.absent("header"));
                }
            }
            Source::Unsupported(reason) => {
                return Err(ComponentError::Unsupported { component: self.identifier.clone(), reason });
            }
        }
        Ok(())
    }

    fn push_field(&self, out: &mut String, request: &Request<'_>, name: &HeaderName) -> Result<(), ComponentError> {
        match field::push_combined(out, request.headers, name) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.absent("header")),
            Err(field::NotAscii) => Err(self.unusable("its value has bytes outside printable ASCII")),
        }
    }

    fn push_member(
        &self,
        out: &mut String,
        request: &Request<'_>,
        name: &HeaderName,
        key: &str,
    ) -> Result<(), ComponentError> {
        if !request.headers.contains_key(name) {
            return Err(self.absent("header"));
        }
        let text = field::join(request.headers.get_all(name));
        let members =
            field::dictionary(&text).map_err(|_| self.unusable("that header is not a structured dictionary"))?;
        let member = members.get(key).ok_or_else(|| self.absent("dictionary member"))?;
        // A member is written as a list of one, since a dictionary would leave out a bare `true`.
        push_entry(out, member);
        Ok(())
    }

    fn absent(&self, kind: &'static str) -> ComponentError {
        ComponentError::Absent { component: self.identifier.clone(), kind }
    }

    fn unusable(&self, reason: &'static str) -> ComponentError {
        ComponentError::Unusable { component: self.identifier.clone(), reason }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identifier)
    }
}

/// Strict serialisation (RFC 8941 §4.1) of an item or an inner list with its parameters.
pub(crate) fn push_entry(out: &mut String, entry: &ListEntry) {
    let mut serializer = sfv::ListSerializer::new();
    serializer.members([entry]);
    if let Some(text) = serializer.finish() {
        out.push_str(&text);
    }
}

/// RFC 9421 §2.2.
fn derived(name: &str, params: &Parameters) -> Source {
    let source = match name {
        "@method" => Source::Method,
        "@target-uri" => Source::TargetUri,
        "@authority" => Source::Authority,
        "@scheme" => Source::Scheme,
        "@request-target" => Source::RequestTarget,
        "@path" => Source::Path,
        "@query" => Source::Query,
        "@query-param" => return query_param(params),
        "@status" => return Source::Unsupported("is for responses only"),
        "@signature-params" => {
            return Source::Unsupported("is always the last line of the signature base and must not be listed");
        }
        _ => return Source::Unsupported("is not a derived component of RFC 9421"),
    };
    if params.is_empty() { source } else { Source::Unsupported(refused_parameter(params)) }
}

fn query_param(params: &Parameters) -> Source {
    match params.first() {
        Some((key, BareItem::String(name))) if key.as_str() == "name" && params.len() == 1 => {
            Source::QueryParam(name.as_str().to_owned())
        }
        _ if params.contains_key("name") && params.len() > 1 => Source::Unsupported(refused_parameter(params)),
        _ => Source::Unsupported("needs one parameter, name, with the name of the query parameter"),
    }
}

/// RFC 9421 §2.1.
fn field(name: &str, params: &Parameters) -> Source {
    let Ok(field) = HeaderName::from_lowercase(name.as_bytes()) else {
        return Source::Unsupported("is not a header field name in lower case");
    };
    match (params.len(), params.first()) {
        (0, _) => Source::Field(field),
        (1, Some((key, BareItem::String(member)))) if key.as_str() == "key" => {
            Source::Member(field, member.as_str().to_owned())
        }
        (1, Some((key, BareItem::Boolean(true)))) if key.as_str() == "bs" => Source::Bytes(field),
        _ => Source::Unsupported(refused_parameter(params)),
    }
}

/// The most telling reason, for the first parameter that is not understood.
fn refused_parameter(params: &Parameters) -> &'static str {
    for key in params.keys() {
        match key.as_str() {
            "req" => return "has the parameter req, which is for responses only",
            "tr" => return "has the parameter tr, but trailers are not read",
            "sf" => return "has the parameter sf, which is not supported; cover the field as it is, or with key or bs",
            "name" | "key" | "bs" => {}
            _ => return "has a parameter that RFC 9421 does not define",
        }
    }
    "has a combination of parameters, or a parameter value, that is not supported"
}
