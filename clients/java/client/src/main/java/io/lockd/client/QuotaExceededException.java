package io.lockd.client;

/** A quota of the lease's scope is used up (429). */
public class QuotaExceededException extends RefusedException {
  private static final long serialVersionUID = 1;

  QuotaExceededException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
