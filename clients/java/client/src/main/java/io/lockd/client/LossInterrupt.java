package io.lockd.client;

/** Interrupts work when its lease is lost, and tells that interrupt from somebody else's. */
final class LossInterrupt {
  private final Thread worker = Thread.currentThread();
  private boolean working = true;
  private boolean pending;

  synchronized void send() {
    if (working) {
      pending = true;
      worker.interrupt();
    }
  }

  /** Whether the exception that the work ended with may be of this interrupt. */
  synchronized boolean taken() {
    boolean was = pending;
    pending = false;
    return was;
  }

  /** The work has ended: what this interrupt left of itself is cleared, and from now on none is sent. */
  synchronized void end() {
    working = false;
    if (taken()) {
      Thread.interrupted();
    }
  }
}
