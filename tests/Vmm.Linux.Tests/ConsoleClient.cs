using System.Net.Sockets;
using System.Text;

namespace Makatea.Vmm.Linux.Tests;

/// <summary>Somebody at a console that is a socket.</summary>
internal sealed class ConsoleClient : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly byte[] _bytes = new byte[4096];
    private string _text = "";

    public ConsoleClient(string path)
    {
        _socket.Connect(new UnixDomainSocketEndPoint(path));
        _socket.ReceiveTimeout = 30_000;
    }

    public void Type(string text) => _socket.Send(Encoding.ASCII.GetBytes(text));

    /// <summary>Waits for text.</summary>
    /// <returns>All before it since the last call, and it.</returns>
    public string Await(string text)
    {
        int at;
        while ((at = _text.IndexOf(text, StringComparison.Ordinal)) < 0)
        {
            int count = _socket.Receive(_bytes);
            Assert.True(count != 0, $"the console ended behind '{_text}', before '{text}'");
            _text += Encoding.ASCII.GetString(_bytes, 0, count);
        }

        string taken = _text[..(at + text.Length)];
        _text = _text[taken.Length..];
        return taken;
    }

    /// <summary>Has <c>TinyKernel</c> say its counter.</summary>
    public uint AskCounter()
    {
        Type("c");
        return Convert.ToUInt32(Await("\n").TrimEnd()[^8..], 16);
    }

    public void Dispose() => _socket.Dispose();
}
