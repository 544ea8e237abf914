package io.lockd.client;

/** The caller may not do this (403). No hold is lost because of it. */
public class NotAllowedException extends RefusedException {
  private static final long serialVersionUID = 1;

  NotAllowedException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
