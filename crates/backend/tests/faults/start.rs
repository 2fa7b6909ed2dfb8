use std::time::{Duration, Instant};

use starling_backend::redis::{self, ConnectError, RedisConfig};
use starling_kernel::id::NodeId;

use crate::support::server::{Server, free_port};

async fn connect(config: RedisConfig) -> Result<(), ConnectError> {
    let node = NodeId::parse("a").unwrap();
    redis::connect(config, &node, &["/"]).await.map(drop)
}

#[tokio::test]
async fn without_redis_it_does_not_start_and_says_where_it_looked() {
    let port = free_port();
    let mut config = RedisConfig::new(&format!("redis://user:secret@127.0.0.1:{port}"));
    config.connect_timeout = Duration::from_secs(1);
    let began = Instant::now();
    let error = connect(config).await.unwrap_err().to_string();
    assert!(began.elapsed() < Duration::from_secs(3));
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test]
async fn it_waits_for_a_redis_that_is_just_starting() {
    let port = free_port();
    let server = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(1_500));
        Server::start_on(port, &[])
    });
    let config = RedisConfig::new(&format!("redis://127.0.0.1:{port}"));
    connect(config).await.unwrap();
    drop(server.await.unwrap());
}

#[tokio::test]
async fn a_wrong_password_is_said() {
    let server = Server::start(&["--requirepass", "right", "--protected-mode", "no"]);
    let mut config = RedisConfig::new(&format!("redis://:wrong@127.0.0.1:{}", server.port));
    config.connect_timeout = Duration::from_millis(600);
    let error = connect(config).await.unwrap_err().to_string();
    assert!(
        error.contains("WRONGPASS") && !error.contains(":wrong"),
        "{error}"
    );
    let right = RedisConfig::new(&format!("redis://:right@127.0.0.1:{}", server.port));
    connect(right).await.unwrap();
}

#[tokio::test]
async fn all_nodes_must_agree_on_the_partitions() {
    let server = Server::start(&[]);
    connect(RedisConfig::new(&server.url())).await.unwrap();
    let mut other = RedisConfig::new(&server.url());
    other.partitions = Some(4);
    let error = connect(other.clone()).await.unwrap_err();
    assert!(matches!(
        error,
        ConnectError::Partitions {
            found: 1,
            wanted: 4
        }
    ));
    other.prefix = "another".into();
    connect(other).await.unwrap();
}
