//! Work on the runtime of the database.

use crate::server::StartError;

/// Runs a future on another runtime, as all database work is run.
pub(crate) async fn on<T: Send + 'static>(
    runtime: &tokio::runtime::Handle,
    work: impl Future<Output = Result<T, StartError>> + Send + 'static,
) -> Result<T, StartError> {
    runtime.spawn(work).await.unwrap_or_else(|error| Err(StartError::Machine(error.to_string())))
}
