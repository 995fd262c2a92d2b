//! The OpenAPI 3.1 document of the API, made of the code that serves it.

use axum::body::Bytes;
use serde::Serialize;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, Info, License, OpenApi, PathItem, Ref, RefOr, Required, ResponseBuilder, Server,
};
use utoipa::{PartialSchema, ToSchema};

/// Everything that goes wrong is told so (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
struct Problem {
    /// The same for each status.
    title: String,
    /// The HTTP status.
    status: u16,
    /// One sentence that names what is wrong, and what would be right.
    detail: String,
}

/// (status, the name of the answer, what it means).
const ANSWERS: &[(&str, &str, &str)] = &[
    ("400", "BadRequest", "The request cannot be read"),
    ("401", "Unauthorized", "No key, or a wrong one"),
    ("403", "Forbidden", "On the operator's listener: a page in a browser may not"),
    ("404", "NotFound", "There is no such thing"),
    ("408", "Slow", "The body did not come in time"),
    ("409", "Conflict", "It is not in a state for that, or is being done"),
    ("413", "TooLarge", "A body has at most 64 KiB"),
    ("415", "NotJson", "A body is application/json"),
    ("422", "Unfit", "The body, the query or a header does not fit"),
    (
        "429",
        "TooMany",
        "Too many wrong keys from this address: retry-after says when",
    ),
    ("500", "Failed", "The server failed"),
    ("503", "Unavailable", "The server is going down, or cannot reach its store"),
];

/// `public`: what needs no key.
pub fn json(public: OpenApi, private: OpenApi) -> Bytes {
    let mut document = public.merge_from(private.clone());
    let mut info = Info::new("Tandem", env!("CARGO_PKG_VERSION"));
    info.description = Some("Rooms, calls and users of a Tandem server, for the application of its operator.".to_owned());
    info.license = Some(License::new(env!("CARGO_PKG_LICENSE")));
    document.info = info;
    document.servers = Some(vec![Server::new("/api/v1")]);
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("One of api.keys"))
        .build();
    let before = document.components.take().unwrap_or_default();
    let mut components = ComponentsBuilder::from(before)
        .schema("Problem", Problem::schema())
        .security_scheme("key", SecurityScheme::Http(key));
    for (_, name, meaning) in ANSWERS {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let answer = ResponseBuilder::new()
            .description(*meaning)
            .content("application/problem+json", content)
            .build();
        components = components.response(*name, answer);
    }
    document.components = Some(components.build());
    for (path, item) in &mut document.paths.paths {
        let is_private = private.paths.paths.contains_key(path);
        for (method, operation) in operations(item) {
            complete(path, method, operation, is_private);
        }
    }
    let text = document.to_json().unwrap_or_default();
    Bytes::from(text)
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    let all = [
        (HttpMethod::Get, item.get.as_mut()),
        (HttpMethod::Post, item.post.as_mut()),
        (HttpMethod::Put, item.put.as_mut()),
        (HttpMethod::Patch, item.patch.as_mut()),
        (HttpMethod::Delete, item.delete.as_mut()),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation?)))
}

/// What is true of every operation of its kind.
fn complete(path: &str, method: HttpMethod, operation: &mut Operation, is_private: bool) {
    let has_body = operation.request_body.is_some();
    let is_post = method == HttpMethod::Post;
    if is_private {
        operation.security = Some(vec![SecurityRequirement::new("key", [""; 0])]);
    }
    if is_post {
        operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
    }
    let has_parameters = operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty());
    for (status, name, _) in ANSWERS {
        let applies = match *status {
            "404" => path.contains('{'),
            "400" | "408" | "413" => has_body || is_post,
            "409" => is_post || method == HttpMethod::Patch,
            "415" => has_body,
            "422" => has_body || has_parameters,
            _ => is_private,
        };
        if applies {
            let answer = RefOr::Ref(Ref::from_response_name(*name));
            operation.responses.responses.insert((*status).to_owned(), answer);
        }
    }
}

fn idempotency_key() -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[!-~]+$"))
        .build();
    ParameterBuilder::new()
        .name("idempotency-key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Sent again with the same key within a day, the request is not carried out again but answered as before",
        ))
        .schema(Some(schema))
        .build()
}
