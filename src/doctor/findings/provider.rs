//! Whether the provider that signs people in answers.

use super::{Finding, ok, problem};

/// The provider as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderFacts {
    pub issuer: String,
    pub answers: Result<(), String>,
}

pub(super) fn finding(facts: &ProviderFacts) -> Finding {
    const CHECK: &str = "sign-in";
    match &facts.answers {
        Ok(()) => ok(CHECK, format!("{} describes itself as a provider", facts.issuer)),
        Err(error) => problem(
            CHECK,
            format!("the provider in auth.oidc cannot be used: {error}"),
            "check auth.oidc.issuer to the letter, whether this machine reaches it, and auth.oidc.ca where the authority is your own; \
             until it answers nobody can sign in",
        ),
    }
}
