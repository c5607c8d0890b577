// A code by SMS shows that somebody holds a phone. The database makes, counts and checks the codes.

export type StartedVerification =
  | { status: "sent"; verification_id: string; phone: string; retry_after: number }
  | { status: "throttled"; phone: string; retry_after: number }
  | { status: "unsupported"; phone: string };

export interface CheckedVerification {
  status: "approved" | "incorrect" | "expired" | "exhausted" | "unknown";
  attempts_left: number;
}

export interface PhoneVerification {
  /** Sends a code, unless too many were sent; `userId` is the login that will have proved the phone. */
  start(request: {
    phone: string;
    purpose: "checkout" | "sign-in";
    userId: string | null;
    clientAddress: string | null;
  }): Promise<StartedVerification>;
  check(verificationId: string, code: string): Promise<CheckedVerification>;
}
