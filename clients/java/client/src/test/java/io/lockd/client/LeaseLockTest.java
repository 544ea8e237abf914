package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The lock, as java.util.concurrent.locks.Lock specifies it. Its holds belong to threads. */
class LeaseLockTest {
  private static final Duration TTL = Duration.ofSeconds(60);
  private static final AcquireOptions OPTIONS = AcquireOptions.ttl(TTL).withKeep(false);

  private FakeNode node;
  private LockdClient client;
  private LeaseLock lock;

  @BeforeEach
  void start() throws IOException {
    node = new FakeNode();
    client = node.client();
    lock = client.lock("x", OPTIONS);
  }

  @AfterEach
  void stop() {
    node.close();
    Thread.interrupted();
  }

  /** Runs on its own thread. */
  private static final class Other<T> extends FutureTask<T> {
    final Thread thread = new Thread(this, "other");

    Other(Callable<T> call) {
      super(call);
      thread.setDaemon(true);
      thread.start();
    }

    T end() throws Exception {
      try {
        return get(1, TimeUnit.MINUTES);
      } catch (ExecutionException e) {
        throw (Exception) e.getCause();
      }
    }
  }

  private static <T> T byAnother(Callable<T> call) throws Exception {
    return new Other<>(call).end();
  }

  private static boolean trueForAnother(Callable<Boolean> call) throws Exception {
    return byAnother(call);
  }

  private static Void unlock(LeaseLock lock) {
    lock.unlock();
    return null;
  }

  @Test
  void anotherThreadCannotUnlock() throws Exception {
    assertThrows(IllegalMonitorStateException.class, lock::unlock);
    lock.lock();
    assertThrows(IllegalMonitorStateException.class, () -> byAnother(() -> unlock(lock)));
    assertThrows(IllegalMonitorStateException.class, () -> byAnother(lock::lease));
    assertFalse(trueForAnother(lock::isHeldByCurrentThread));
    lock.lease().check();
    assertEquals(List.of("acquire x 0"), node.requests);
    lock.unlock();
    assertEquals("release x 1", node.requests.get(1));
    assertThrows(IllegalMonitorStateException.class, lock::unlock);
  }

  @Test
  void unlockAfterALossThrowsAndEndsNoOtherHold() throws Exception {
    for (LeaseLock lost : List.of(lock, client.reentrantLock("x", OPTIONS))) {
      node.requests.clear();
      lost.lock();
      long token = lost.lease().token();
      node.breakLease("x");
      assertThrows(LeaseLostException.class, lost.lease()::renew);
      CountDownLatch end = new CountDownLatch(1);
      Other<Void> next = new Other<>(() -> {
        lost.lock();
        end.await();
        lost.lease().check();
        return unlock(lost);
      });
      node.awaitRequest("acquire x 0", 2);
      while (!lost.toString().contains("other")) {
        Thread.onSpinWait();
      }
      assertThrows(LeaseLostException.class, lost::unlock);
      assertThrows(IllegalMonitorStateException.class, lost::unlock);
      assertEquals(0, node.count("release x " + (token + 1)));
      end.countDown();
      next.end();
      assertEquals(1, node.count("release x " + (token + 1)));
    }
  }

  @Test
  void unlockReportsALossThatOnlyTheNodeKnows() {
    lock.lock();
    node.answer("release", 200, "{\"was_held\":false,\"ended\":\"broken\"}");
    assertThrows(LeaseLostException.class, lock::unlock);
    assertFalse(lock.isHeldByCurrentThread());
  }

  @Test
  void failedUnlockUnlocksAndThrows() throws Exception {
    LeaseLock impatient = node.client(Duration.ZERO).lock("x", OPTIONS);
    impatient.lock();
    node.answer("release", 503, "{\"type\":\"/problems/no-leader\",\"definitive\":true}");
    assertThrows(UnavailableException.class, impatient::unlock);
    node.awaitRequest("release x 1", 3); // in the background
    node.answer("release", 200);
    assertTrue(impatient.tryLock(1, TimeUnit.MINUTES));
  }

  @Test
  void tryLockAcceptsAnyTime() throws Exception {
    assertTrue(lock.tryLock(Long.MAX_VALUE, TimeUnit.MINUTES));
    assertFalse(trueForAnother(() -> lock.tryLock(-1, TimeUnit.MILLISECONDS)));
    assertFalse(trueForAnother(() -> lock.tryLock(Long.MIN_VALUE, TimeUnit.DAYS)));
    assertFalse(trueForAnother(() -> lock.tryLock(1, TimeUnit.NANOSECONDS)));
    assertFalse(trueForAnother(lock::tryLock));
    lock.unlock();
    assertTrue(lock.tryLock(Long.MIN_VALUE, TimeUnit.DAYS));
  }

  @Test
  void waitsOfAnyLengthAreAccepted() throws InterruptedException {
    for (Duration wait : List.of(Duration.ofSeconds(Long.MIN_VALUE), Duration.ofSeconds(Long.MAX_VALUE))) {
      Lease lease = client.acquire("y", OPTIONS.withWait(wait));
      lease.release();
      assertTrue(lease.awaitEnd(wait));
    }
  }

  @Test
  void onlyTryLockIgnoresAnInterruptOnEntry() {
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, lock::lockInterruptibly);
    assertFalse(Thread.currentThread().isInterrupted());
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, () -> lock.tryLock(1, TimeUnit.MINUTES));
    assertEquals(List.of(), node.requests);
    Thread.currentThread().interrupt();
    assertTrue(lock.tryLock());
    assertTrue(Thread.interrupted());
  }

  @Test
  void interruptEndsAWaitForAnotherThread() throws Exception {
    lock.lock();
    for (Callable<Object> waits : List.<Callable<Object>>of(() -> lock.tryLock(1, TimeUnit.HOURS), () -> {
      lock.lockInterruptibly();
      return null;
    })) {
      Other<Object> waiter = new Other<>(waits);
      while (waiter.thread.getState() != Thread.State.TIMED_WAITING) {
        Thread.onSpinWait();
      }
      waiter.thread.interrupt();
      assertThrows(InterruptedException.class, waiter::end);
    }
    assertEquals(List.of("acquire x 0"), node.requests);
  }

  @Test
  void interruptedLockKeepsItsPlaceInTheQueue() throws Exception {
    CountDownLatch grant = node.block("acquire");
    Other<Boolean> waiter = new Other<>(() -> {
      lock.lock();
      return Thread.interrupted();
    });
    node.awaitRequest("acquire x 0", 1);
    waiter.thread.interrupt();
    while (waiter.thread.isInterrupted()) {
      Thread.onSpinWait(); // until the wait has detected it
    }
    grant.countDown();
    assertTrue((boolean) waiter.end(), "the flag is set again");
    assertEquals(List.of("acquire x 0"), node.requests);
  }

  @Test
  void interruptedLockStillWaitsForAnotherThread() throws Exception {
    lock.lock();
    Other<Boolean> waiter = new Other<>(() -> {
      lock.lock();
      return Thread.interrupted();
    });
    waiter.thread.interrupt();
    lock.unlock();
    assertTrue((boolean) waiter.end());
  }

  @Test
  void threadDoesNotWaitForItself() throws Exception {
    lock.lock();
    for (LeaseLock same : List.of(lock, client.lock("x", OPTIONS))) {
      String text = assertThrows(IllegalStateException.class, same::lock).getMessage();
      assertTrue(text.contains("x is held by this thread already") && text.contains("client.reentrantLock(\"x\""), text);
      assertThrows(IllegalStateException.class, same::lockInterruptibly);
      assertFalse(same.tryLock());
      assertFalse(same.tryLock(1, TimeUnit.HOURS));
    }
    assertThrows(IllegalStateException.class, () -> client.elect("x", TTL, lease -> { }));
    assertEquals(List.of("acquire x 0"), node.requests);
    assertDoesNotThrow(lock::unlock);
    client.elect("x", TTL, lease -> {
      assertThrows(IllegalStateException.class, lock::lock);
      LeaseLock again = client.reentrantLock("x", OPTIONS);
      again.lock();
      again.unlock();
      assertThrows(IllegalMonitorStateException.class, again::unlock, "its election holds it");
      lease.check();
    });
    lock.lock();
  }

  @Test
  void reentrantLockCountsPerThread() throws Exception {
    LeaseLock outer = client.reentrantLock("x", OPTIONS);
    LeaseLock inner = client.reentrantLock("x", OPTIONS);
    outer.lock();
    inner.lockInterruptibly();
    assertTrue(inner.tryLock() && outer.tryLock(1, TimeUnit.HOURS));
    for (int locked = 4; locked > 0; locked--) {
      assertFalse(trueForAnother(inner::tryLock));
      assertEquals(List.of("acquire x 0"), node.requests);
      inner.unlock();
    }
    assertEquals(List.of("acquire x 0", "release x 1"), node.requests);
    assertThrows(IllegalMonitorStateException.class, outer::unlock);
    assertTrue(trueForAnother(outer::tryLock));
  }

  @Test
  void lostReentrantLockIsNotLockedAgain() {
    LeaseLock again = client.reentrantLock("x", OPTIONS);
    again.lock();
    node.breakLease("x");
    assertThrows(LeaseLostException.class, again.lease()::renew);
    assertThrows(LeaseLostException.class, again::lock);
    assertThrows(LeaseLostException.class, again::tryLock);
    assertThrows(LeaseLostException.class, again::unlock);
    again.lock();
    again.unlock();
  }

  @Test
  void textNamesTheHoldingThreadAndNoSession() throws Exception {
    assertEquals("LeaseLock[x, unlocked]", lock.toString());
    byAnother(() -> {
      lock.lock();
      return null;
    });
    assertEquals("LeaseLock[x, locked by thread other]", lock.toString());
    assertThrows(UnsupportedOperationException.class, lock::newCondition);
  }

  @Test
  void eachThreadHasItsOwnSessionWithALimit() throws Exception {
    LeaseLock shared = client.lock("x", OPTIONS.withLimit(3));
    Callable<String> session = () -> {
      shared.lock();
      return node.lastBody("acquire x 0").text("session");
    };
    shared.lock();
    assertEquals(client.session(), node.lastBody("acquire x 0").text("session"));
    String second = byAnother(session);
    String third = byAnother(session);
    assertEquals(3, List.of(client.session(), second, third).stream().distinct().count());
    shared.unlock();
    assertEquals(client.session(), node.lastBody("release x 1").text("session"));
    Lease again = client.acquire("x", OPTIONS.withLimit(3));
    assertEquals(client.session(), node.lastBody("acquire x 0").text("session"), "the client's session is free again");
    Lease fourth = client.acquire("x", OPTIONS.withLimit(3));
    String own = node.lastBody("acquire x 0").text("session");
    fourth.renew();
    assertEquals(own, node.lastBody("renew x 1").text("session"));
    fourth.release();
    assertEquals(own, node.lastBody("release x 1").text("session"));
    client.acquire("x", OPTIONS.withLimit(3));
    assertEquals(own, node.lastBody("acquire x 0").text("session"), "a session is reused");
    again.release();
  }

  @Test
  void holdsOfOtherSessionsAreRenewedToo() throws Exception {
    AcquireOptions kept = AcquireOptions.ttl(Duration.ofSeconds(2)).withLimit(2);
    client.acquire("x", kept);
    client.acquire("x", kept);
    node.awaitRequest("renew x 1", 2);
    while (node.bodies.stream().filter(b -> !b.has("attempt")).map(b -> b.text("session")).distinct().count() < 2) {
      Thread.onSpinWait();
    }
  }

  @Test
  void stateContainsTheQueue() throws InterruptedException {
    node.answer("get", 200, "{\"name\":\"x\",\"queue\":[{\"holder\":\"b\",\"priority\":-5,\"waiting_ms\":70}],\"queue_length\":1}");
    assertEquals(List.of(new LeaseState.Waiter("b", -5, Duration.ofMillis(70))), client.get("x").queue());
  }
}
