//! What the published interface lets one configure.

use std::{borrow::Cow, time::Duration};

use crate::TransportType;

/// Which transports, how large, how patient.
#[derive(Debug, Clone)]
pub struct EngineIoConfig {
    /// Path of the requests that are the engine's; all others go to the inner service.
    pub req_path: Cow<'static, str>,
    /// Time between two pings, and from the handshake to the first one. 25 s by default.
    pub ping_interval: Duration,
    /// Who does not answer a ping for this long is gone. 20 s by default.
    pub ping_timeout: Duration,
    /// Time for a websocket to take over a polling session. It stays on polling after that. 10 s by default.
    pub upgrade_timeout: Duration,
    /// Packets that wait for a client; with more it gets no further one. 4,096 by default.
    pub max_buffer_size: usize,
    /// Largest body of a poll or POST, in bytes. 100 kB by default.
    pub max_payload: u64,
    /// Largest websocket message, in bytes, whatever fragments it comes in. 100 kB by default.
    pub ws_max_message_size: usize,
    /// Largest payload of a websocket frame, in bytes. 100 kB by default.
    pub ws_max_frame_size: usize,
    /// Whether sessions may poll.
    pub polling: bool,
    /// Whether sessions may use a websocket, from the start or after an upgrade.
    pub websocket: bool,
}

impl Default for EngineIoConfig {
    fn default() -> Self {
        Self {
            req_path: "/engine.io".into(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            max_buffer_size: 4096,
            max_payload: 100_000,
            ws_max_message_size: 100_000,
            ws_max_frame_size: 100_000,
            polling: true,
            websocket: true,
        }
    }
}

impl EngineIoConfig {
    /// Begins with the defaults.
    pub fn builder() -> EngineIoConfigBuilder {
        EngineIoConfigBuilder::new()
    }
}

/// Builds an [`EngineIoConfig`], whose fields say what each of these sets.
#[derive(Debug, Clone, Default)]
pub struct EngineIoConfigBuilder(EngineIoConfig);

impl EngineIoConfigBuilder {
    /// Begins with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`EngineIoConfig::req_path`].
    pub fn req_path(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        self.0.req_path = path.into();
        self
    }

    /// Sets [`EngineIoConfig::ping_interval`].
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.0.ping_interval = interval;
        self
    }

    /// Sets [`EngineIoConfig::ping_timeout`].
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.0.ping_timeout = timeout;
        self
    }

    /// Sets [`EngineIoConfig::upgrade_timeout`].
    pub fn upgrade_timeout(mut self, timeout: Duration) -> Self {
        self.0.upgrade_timeout = timeout;
        self
    }

    /// Sets [`EngineIoConfig::max_buffer_size`].
    pub fn max_buffer_size(mut self, packets: usize) -> Self {
        self.0.max_buffer_size = packets;
        self
    }

    /// Sets [`EngineIoConfig::max_payload`].
    pub fn max_payload(mut self, bytes: u64) -> Self {
        self.0.max_payload = bytes;
        self
    }

    /// Nothing: read buffers belong to threads and not to connections.
    pub fn ws_read_buffer_size(self, _bytes: usize) -> Self {
        self
    }

    /// Sets [`EngineIoConfig::ws_max_message_size`].
    pub fn ws_max_message_size(mut self, bytes: usize) -> Self {
        self.0.ws_max_message_size = bytes;
        self
    }

    /// Sets [`EngineIoConfig::ws_max_frame_size`].
    pub fn ws_max_frame_size(mut self, bytes: usize) -> Self {
        self.0.ws_max_frame_size = bytes;
        self
    }

    /// Only these; both by default.
    pub fn transports<const N: usize>(mut self, transports: [TransportType; N]) -> Self {
        self.0.polling = transports.contains(&TransportType::Polling);
        self.0.websocket = transports.contains(&TransportType::Websocket);
        self
    }

    /// What was set.
    pub fn build(self) -> EngineIoConfig {
        self.0
    }
}
