//! Certificates from an ACME server (D), such as Let's Encrypt: ordered, proven on our own port by TLS-ALPN-01, kept, and renewed
//! (RFC 8555, RFC 8737).

pub mod cache;
pub mod client;
mod schedule;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use tokio::sync::Notify;
use tokio::time::timeout;

use self::cache::Cache;
use self::client::HttpsClient;
use super::TlsError;
use super::certificate::Certificate;
use super::shelf::Shelf;
use crate::clock;
use crate::config::Acme;

/// How long an ACME server may take to validate, and then to issue.
const ORDER_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest sleep before the wall clock is looked at again: machines are suspended, and clocks are set.
const SLEEP_MAX: Duration = Duration::from_secs(60 * 60);

/// Why an order brought no certificate.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error(transparent)]
    Acme(#[from] instant_acme::Error),
    #[error("the ACME server does not offer TLS-ALPN-01 for {0}")]
    NoChallenge(String),
    #[error("{domain} is not proven to be ours: {reason}")]
    Refused { domain: String, reason: String },
    #[error("the order became {0:?}")]
    Status(OrderStatus),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Orders and renews for as long as it is polled; `kept`: the certificate on the shelf is from an earlier order.
pub async fn follow(acme: Acme, cache: Cache, client: HttpsClient, kept: bool, shelf: Arc<Shelf>, nudge: Arc<Notify>) {
    let mut ours = kept;
    let mut failures = 0;
    loop {
        if ours {
            let current = shelf.current();
            sleep_until(schedule::renew_at(current.not_before, current.not_after)).await;
        }
        let ordered = order(&acme, &cache, &client, &shelf).await;
        shelf.set_proofs(BTreeMap::new());
        match ordered {
            Ok(certificate) => {
                shelf.put(certificate);
                (ours, failures) = (true, 0);
            }
            Err(error) if is_unknown_account(&error) && cache.forget_account() => {
                tracing::info!(directory = %acme.directory, "the ACME server does not know our account: another one is made");
            }
            Err(error) => {
                failures += 1;
                let delay = schedule::retry_delay(failures);
                shelf.count_failed_order();
                tracing::warn!(
                    %error,
                    domains = %acme.domains.join(" "),
                    directory = %acme.directory,
                    failures,
                    again_in_s = delay.as_secs(),
                    "no certificate was issued; SIGHUP tries again at once, `tandem doctor` looks for the reason"
                );
                let _ = timeout(delay, nudge.notified()).await;
            }
        }
    }
}

async fn sleep_until(at_unix: i64) {
    loop {
        let left = at_unix - clock::unix_s();
        let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else {
            return;
        };
        tokio::time::sleep(Duration::from_secs(left).min(SLEEP_MAX)).await;
    }
}

/// RFC 8555 section 6.7.
fn is_unknown_account(error: &OrderError) -> bool {
    matches!(error, OrderError::Acme(instant_acme::Error::Api(problem))
        if problem.r#type.as_deref() == Some("urn:ietf:params:acme:error:accountDoesNotExist"))
}

/// One certificate for all domains, kept in the cache.
async fn order(acme: &Acme, cache: &Cache, client: &HttpsClient, shelf: &Shelf) -> Result<Certificate, OrderError> {
    let account = account(acme, cache, client).await?;
    let identifiers: Vec<Identifier> = acme.domains.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    prove(&mut order, shelf).await?;
    let patience = RetryPolicy::new().timeout(ORDER_TIMEOUT);
    let validated = order.poll_ready(&patience).await;
    match validated {
        Ok(OrderStatus::Ready) => {}
        Ok(status) => return Err(reason(&mut order).await.unwrap_or(OrderError::Status(status))),
        Err(error) => return Err(reason(&mut order).await.unwrap_or(error.into())),
    }
    let key = KeyPair::generate().map_err(TlsError::from)?;
    let request = CertificateParams::new(acme.domains.clone())
        .and_then(|params| params.serialize_request(&key))
        .map_err(TlsError::from)?;
    order.finalize_csr(request.der()).await?;
    let chain = order.poll_certificate(&patience).await?;
    Ok(cache.keep_certificate(&chain, &key.serialize_pem())?)
}

async fn account(acme: &Acme, cache: &Cache, client: &HttpsClient) -> Result<Account, OrderError> {
    let builder = || Account::builder_with_http(Box::new(client.clone()));
    if let Some(credentials) = cache.account() {
        return Ok(builder().from_credentials(credentials).await?);
    }
    let contact = acme.email.as_ref().map(|email| format!("mailto:{email}"));
    let new = NewAccount {
        contact: &contact.as_deref().into_iter().collect::<Vec<_>>(),
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let (account, credentials) = builder().create(&new, acme.directory.clone(), None).await?;
    cache.keep_account(&credentials)?;
    Ok(account)
}

/// Puts what proves each domain on the shelf, and asks the server to come and look.
async fn prove(order: &mut Order, shelf: &Shelf) -> Result<(), OrderError> {
    let mut proofs = BTreeMap::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status != AuthorizationStatus::Pending {
            continue;
        }
        let domain = authorization.identifier().to_string();
        let mut challenge = authorization
            .challenge(ChallengeType::TlsAlpn01)
            .ok_or_else(|| OrderError::NoChallenge(domain.clone()))?;
        let proof = proof(&domain, challenge.key_authorization().digest().as_ref())?;
        proofs.insert(domain, Arc::new(proof));
        shelf.set_proofs(proofs.clone());
        challenge.set_ready().await?;
    }
    Ok(())
}

/// A certificate for the domain alone, with the digest in a critical extension (RFC 8737 section 3).
fn proof(domain: &str, digest: &[u8]) -> Result<CertifiedKey, TlsError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([domain.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let made = params.self_signed(&key)?;
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // Not CertifiedKey::from_der, which refuses critical extensions that browsers do not know.
    let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&private)?;
    Ok(CertifiedKey::new(vec![made.der().clone()], signing))
}

/// What the server says of the domain that it could not validate.
async fn reason(order: &mut Order) -> Option<OrderError> {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let domain = authorization.identifier().to_string();
        let state = authorization.refresh().await.ok()?;
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            let reason = problem.detail.clone().or(problem.r#type.clone()).unwrap_or_default();
            return Some(OrderError::Refused { domain, reason });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_for_one_domain_and_holds_the_digest_in_a_critical_extension() {
        use x509_cert::der::Decode;

        let made = proof("a.example", &[7; 32]).expect("made");
        let parsed = x509_cert::Certificate::from_der(&made.cert[0]).expect("a certificate");
        let extensions = parsed.tbs_certificate().extensions().expect("extensions");
        let identifier = extensions
            .iter()
            .find(|extension| extension.extn_id.to_string() == "1.3.6.1.5.5.7.1.31")
            .expect("acmeIdentifier");
        assert!(identifier.critical);
        assert_eq!(identifier.extn_value.as_bytes(), [&[4, 32][..], &[7; 32]].concat());
    }
}
