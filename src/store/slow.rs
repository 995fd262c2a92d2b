//! What takes the database long goes into traces.

use std::any::type_name;
use std::time::Duration;

use super::StoreError;
use crate::traces::{self, Trace};

/// What takes less is not told of, unless it fails.
const SLOW: Duration = Duration::from_millis(50);

/// One thing that the database is asked.
pub(super) struct Watch {
    /// None: nobody is told.
    trace: Option<Trace>,
}

impl Watch {
    /// It is called as the code calls what asks.
    pub(super) fn start<A>(_asked: &A) -> Watch {
        let trace = traces::is_on().then(|| Trace {
            attributes: vec![("db.operation.name", name(type_name::<A>()).into())],
            ..Trace::begin("database")
        });
        Watch { trace }
    }

    pub(super) fn end(self, error: Option<&StoreError>) {
        let Some(mut trace) = self.trace else { return };
        trace.failed = error.map(ToString::to_string);
        if trace.end() >= SLOW || trace.failed.is_some() {
            traces::tell(&trace);
        }
    }
}

/// The function of the store in which a future was made; a query that nothing is around has no name.
fn name(future: &'static str) -> String {
    let function = future.split("::{{closure}}").next().unwrap_or(future);
    match function.rsplit_once("::") {
        Some((_, name)) if function.contains("tandem::store::") => name.to_owned(),
        _ => "query".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    impl Store {
        async fn keep_something(&self) -> &'static str {
            fn what<A>(_: &A) -> &'static str {
                type_name::<A>()
            }
            let asked = || async { self.is_shared() };
            what(&asked())
        }
    }

    #[tokio::test]
    async fn an_operation_is_called_as_its_function() {
        let bed = crate::store::testbed::Bed::sqlite();
        assert_eq!(name(bed.open().await.keep_something().await), "keep_something");
        assert_eq!(name("sqlx_core::query::Query<DB>::execute::{{closure}}"), "query");
    }
}
