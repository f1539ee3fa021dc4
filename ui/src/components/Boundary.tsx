import { Component, type ReactNode } from "react";

interface Props {
  /** What is shown instead when something below throws. */
  fallback: ReactNode;
  children: ReactNode;
}

/** Keeps a fault in one page from taking the whole house down. A new key clears it. */
export class Boundary extends Component<Props, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    return this.state.broken ? this.props.fallback : this.props.children;
  }
}
