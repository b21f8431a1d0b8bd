namespace Makatea.NetStack;

/// <summary>Control bits ([RFC 9293] 3.1).</summary>
[Flags]
internal enum TcpControl : byte
{
    None = 0,
    Fin = 1,
    Syn = 2,
    Rst = 4,
    Psh = 8,
    Ack = 16,
}

/// <summary>States of a connection ([RFC 9293] 3.3.2). Half-open ones and those in TIME-WAIT are kept apart, in less memory.</summary>
internal enum TcpState
{
    Closed,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
}
