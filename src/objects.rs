//! The object store: bytes under names, in a folder of this machine or in a bucket of an S3 service. What
//! is put is there for all readers at once and whole, or not at all.

pub mod images;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
};

/// How long a request to a bucket may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Tries of a request to a bucket after the first.
const RETRIES: usize = 2;

/// Where objects are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum ObjectsPlace {
    /// In a folder of this machine, or one that all instances share.
    Folder(PathBuf),
    /// In a bucket.
    Bucket(Bucket),
}

/// A bucket of an S3 service.
#[derive(Clone, PartialEq, Eq)]
pub struct Bucket {
    /// The name of the bucket.
    pub name: String,
    /// What the names of all objects begin with; empty for nothing.
    pub prefix: String,
    /// The address of the service; `None` for that of Amazon.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The id of the access key, and its secret.
    pub key: (String, String),
}

/// Why an object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The folder or the bucket cannot be used.
    #[error("the object store: {0}")]
    Store(#[from] object_store::Error),
    /// The folder cannot be made.
    #[error("the folder {0} for objects cannot be made: {1}")]
    Folder(PathBuf, std::io::Error),
}

/// The objects of this shop.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
}

impl Objects {
    /// Opens the store; a folder is made if it is not there.
    ///
    /// # Errors
    /// [`ObjectError`]. A bucket is not asked yet.
    pub fn open(place: &ObjectsPlace) -> Result<Self, ObjectError> {
        let store: Arc<dyn ObjectStore> = match place {
            ObjectsPlace::Folder(folder) => {
                make_private(folder).map_err(|error| ObjectError::Folder(folder.clone(), error))?;
                Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true))
            }
            ObjectsPlace::Bucket(bucket) => {
                let retry = RetryConfig {
                    max_retries: RETRIES,
                    retry_timeout: TIMEOUT,
                    backoff: BackoffConfig::default(),
                };
                let options = ClientOptions::new().with_timeout(TIMEOUT);
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(&bucket.name)
                    .with_region(&bucket.region)
                    .with_access_key_id(&bucket.key.0)
                    .with_secret_access_key(&bucket.key.1)
                    .with_client_options(options)
                    .with_retry(retry);
                if let Some(endpoint) = &bucket.endpoint {
                    let is_plain = endpoint.starts_with("http://");
                    builder = builder.with_endpoint(endpoint).with_allow_http(is_plain);
                }
                let store = builder.build()?;
                match bucket.prefix.is_empty() {
                    true => Arc::new(store),
                    false => Arc::new(PrefixStore::new(store, bucket.prefix.as_str())),
                }
            }
        };
        Ok(Self { store })
    }

    /// Stores an object, in place of one that was there.
    ///
    /// # Errors
    /// [`ObjectError::Store`].
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), ObjectError> {
        self.store.put(&Path::from(name), PutPayload::from_bytes(bytes)).await?;
        Ok(())
    }

    /// Returns an object; `None` if there is none.
    ///
    /// # Errors
    /// [`ObjectError::Store`].
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, ObjectError> {
        match self.store.get(&Path::from(name)).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes an object. There may be none.
    ///
    /// # Errors
    /// [`ObjectError::Store`].
    pub async fn delete(&self, name: &str) -> Result<(), ObjectError> {
        match self.store.delete(&Path::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Makes a folder that is its owner's alone, unless there is one.
fn make_private(folder: &std::path::Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
