//! Why nobody was signed in by the provider.

/// For the metric and for the page, which has a sentence for each. What exactly was wrong stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the provider cannot be reached")]
    ProviderAway,
    #[error("it was begun in another browser, took too long, or is over already")]
    Attempt,
    #[error("the provider did not sign them in")]
    Declined,
    #[error("the answer is of another provider")]
    Issuer,
    #[error("the provider did not tell who they are")]
    Exchange,
    #[error("the provider's token is not good")]
    IdToken,
    #[error("they are not among those who may come in")]
    NotAllowed,
    #[error("the operator of this server has blocked them")]
    Blocked,
    #[error("too many sign-ins from this address")]
    RateLimited,
    #[error("this server failed")]
    Failed,
}

impl Fault {
    pub const ALL: [Fault; 10] = [
        Fault::ProviderAway,
        Fault::Attempt,
        Fault::Declined,
        Fault::Issuer,
        Fault::Exchange,
        Fault::IdToken,
        Fault::NotAllowed,
        Fault::Blocked,
        Fault::RateLimited,
        Fault::Failed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Fault::ProviderAway => "provider_away",
            Fault::Attempt => "attempt",
            Fault::Declined => "declined",
            Fault::Issuer => "issuer",
            Fault::Exchange => "exchange",
            Fault::IdToken => "id_token",
            Fault::NotAllowed => "not_allowed",
            Fault::Blocked => "blocked",
            Fault::RateLimited => "rate_limited",
            Fault::Failed => "failed",
        }
    }
}
