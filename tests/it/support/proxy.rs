//! A TCP proxy between two parts of the system, which can cut or slow either direction.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The faults of the bytes that pass.
#[derive(Default)]
struct Weather {
    /// No more bytes arrive at the target, and the sender gets no error.
    forth_cut: AtomicBool,
    /// No more bytes come back.
    back_cut: AtomicBool,
    delay_ms: AtomicU64,
}

/// Listens at an address of its own and forwards everything to another.
pub struct Proxy {
    pub address: SocketAddr,
    weather: Arc<Weather>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let weather = Arc::new(Weather::default());
        let of_all = Arc::clone(&weather);
        let task = tokio::spawn(async move {
            // The connections end with the listener.
            let mut connections = JoinSet::new();
            loop {
                let Ok((near, _)) = listener.accept().await else { continue };
                let weather = Arc::clone(&of_all);
                connections.spawn(async move {
                    // A refusal by the target shows as a connection that closes at once.
                    let Ok(far) = TcpStream::connect(target).await else { return };
                    let _ = (near.set_nodelay(true), far.set_nodelay(true));
                    let (near_in, near_out) = near.into_split();
                    let (far_in, far_out) = far.into_split();
                    let of_back = Arc::clone(&weather);
                    let back = tokio::spawn(async move {
                        pass(far_in, near_out, &of_back, |weather| &weather.back_cut).await;
                    });
                    pass(near_in, far_out, &weather, |weather| &weather.forth_cut).await;
                    let _ = back.await;
                });
            }
        });
        Self { address, weather, task }
    }

    /// Refuses connections from now on and breaks the existing ones.
    pub fn die(&self) {
        self.task.abort();
    }

    /// Cuts the direction to the target from now on.
    pub fn cut_forth(&self) {
        self.weather.forth_cut.store(true, Ordering::SeqCst);
    }

    /// Cuts the direction from the target from now on.
    pub fn cut_back(&self) {
        self.weather.back_cut.store(true, Ordering::SeqCst);
    }

    pub fn cut(&self) {
        self.cut_forth();
        self.cut_back();
    }

    pub fn delay(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).expect("a short time");
        self.weather.delay_ms.store(ms, Ordering::SeqCst);
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.weather.forth_cut.store(false, Ordering::SeqCst);
        self.weather.back_cut.store(false, Ordering::SeqCst);
        self.weather.delay_ms.store(0, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    weather: &Weather,
    cut: fn(&Weather) -> &AtomicBool,
) {
    let mut buffer = vec![0; 16 * 1_024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let delay_ms = weather.delay_ms.load(Ordering::SeqCst);
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
        // As in TCP: unacknowledged data is sent again, and arrives when the cut is mended.
        while cut(weather).load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
