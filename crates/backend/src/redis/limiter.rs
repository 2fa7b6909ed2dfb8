use std::time::Duration;

use async_trait::async_trait;
use starling_kernel::ports::{Limiter, PortResult, Rate};

use super::{
    RedisNode,
    script::{self, Args},
};

#[async_trait]
impl Limiter for RedisNode {
    async fn take(&self, key: &str, n: u32, rate: Rate) -> PortResult<Option<Duration>> {
        if n == 0 {
            return Ok(None);
        }
        let args = Args::default()
            .text("key", key)
            .text("n", n)
            .text("per_second", rate.per_second.max(1))
            .text("burst", rate.burst);
        let partition = self.keys.of_text(key);
        let wait: u64 = self.link.run(&script::TAKE, partition, args).await?;
        Ok((wait > 0).then(|| Duration::from_micros(wait)))
    }
}
