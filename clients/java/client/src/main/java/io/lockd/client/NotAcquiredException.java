package io.lockd.client;

/** An acquire was refused: you do not hold it. */
public class NotAcquiredException extends RefusedException {
  private static final long serialVersionUID = 1;

  NotAcquiredException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
