package io.lockd.client;

/** Interrupts work when its lease is lost, and distinguishes this interrupt from others. */
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

  /** Reports whether this interrupt may be the cause of the exception that ended the work. */
  synchronized boolean taken() {
    boolean was = pending;
    pending = false;
    return was;
  }

  /** Records that the work has ended: clears a pending interrupt. None is sent from now on. */
  synchronized void end() {
    working = false;
    if (taken()) {
      Thread.interrupted();
    }
  }
}
