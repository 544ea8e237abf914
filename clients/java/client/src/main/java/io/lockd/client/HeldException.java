package io.lockd.client;

/** An acquire was refused because others hold the lease or wait for it. */
public class HeldException extends NotAcquiredException {
  private static final long serialVersionUID = 1;

  HeldException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
