using System.Runtime.InteropServices;
using System.Text;
using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>Cuts the stream of a channel into requests and replies, for either side.</summary>
internal sealed class FunctionChannel(MessageChannel channel)
{
    /// <summary>Waits for a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="grants">Receives the grants that came with it.</param>
    /// <returns>False where the peer closed the channel.</returns>
    /// <exception cref="IOException">The channel failed or was closed within a request.</exception>
    public bool TryReceive(out FunctionRequest request, List<Grant> grants)
    {
        request = default;
        return TryFill(MemoryMarshal.AsBytes(new Span<FunctionRequest>(ref request)), grants, mayEnd: true);
    }

    /// <summary>Answers a request.</summary>
    public void Reply(ulong value, ReadOnlySpan<byte> tail = default, Grant? grant = null) => Send(new FunctionReply { Value = value }, tail, grant);

    /// <summary>Refuses a request.</summary>
    public void Refuse(string message)
    {
        byte[] text = Encoding.UTF8.GetBytes(message);
        Send(new FunctionReply { Status = 1 }, text.AsSpan(0, Math.Min(text.Length, FunctionReply.MaxTail)), null);
    }

    /// <summary>Asks and waits for the answer. One caller at a time.</summary>
    /// <param name="request">The request.</param>
    /// <param name="grant">What goes with it.</param>
    /// <param name="tail">What came with the answer.</param>
    /// <param name="grants">Receives the grants that came with the answer.</param>
    /// <returns>The answer's value.</returns>
    /// <exception cref="FunctionRefusedException">It was refused; the message says why.</exception>
    /// <exception cref="IOException">The channel ended.</exception>
    public ulong Ask(in FunctionRequest request, Grant? grant, out byte[] tail, List<Grant> grants)
    {
        channel.Send(MemoryMarshal.AsBytes(new ReadOnlySpan<FunctionRequest>(in request)), grant is null ? [] : [grant]);
        FunctionReply reply = default;
        if (!TryFill(MemoryMarshal.AsBytes(new Span<FunctionReply>(ref reply)), grants, mayEnd: true))
        {
            throw new EndOfStreamException("whoever serves the function ended the channel");
        }

        if (reply.TailLength > FunctionReply.MaxTail)
        {
            throw new IOException($"a reply says that {reply.TailLength} bytes follow it; allowed are {FunctionReply.MaxTail}");
        }

        tail = new byte[reply.TailLength];
        _ = TryFill(tail, grants, mayEnd: false);
        return reply.Status == 0 ? reply.Value : throw new FunctionRefusedException(Encoding.UTF8.GetString(tail));
    }

    private void Send(FunctionReply reply, ReadOnlySpan<byte> tail, Grant? grant)
    {
        Span<byte> whole = stackalloc byte[FunctionReply.Size + FunctionReply.MaxTail];
        reply.TailLength = (uint)tail.Length;
        MemoryMarshal.Write(whole, in reply);
        tail.CopyTo(whole[FunctionReply.Size..]);
        channel.Send(whole[..(FunctionReply.Size + tail.Length)], grant is null ? [] : [grant]);
    }

    private bool TryFill(Span<byte> buffer, List<Grant> grants, bool mayEnd)
    {
        for (int filled = 0; filled < buffer.Length;)
        {
            int received = channel.Receive(buffer[filled..], grants);
            if (received == 0)
            {
                return mayEnd && filled == 0 ? false : throw new EndOfStreamException($"the channel ended within a message: {filled} bytes of {buffer.Length}");
            }

            filled += received;
        }

        return true;
    }
}

/// <summary>The server of a function refused a request; the message says why.</summary>
internal sealed class FunctionRefusedException(string message) : IOException(message);
