using System.Text.Json;

namespace Makatea.Vmm.Linux.Monitor;

/// <summary>
/// Cuts a stream of bytes into JSON values. Clients end them with a line, or with nothing at all. What was looked at is not looked at again, so who sends byte by byte costs no more.
/// </summary>
/// <param name="capacity">The most bytes of a message.</param>
internal sealed class JsonMessageReader(int capacity)
{
    private readonly byte[] _bytes = new byte[capacity];
    private JsonReaderState _state;
    private int _length;
    private int _scanned;
    private bool _isSkipping;

    /// <summary>Where the next bytes go. Never empty, behind a call of <see cref="TryTake"/> that returned false.</summary>
    public Span<byte> Room => _bytes.AsSpan(_length);

    /// <summary>Takes note of bytes that were put into <see cref="Room"/>.</summary>
    public void Advance(int count) => _length += count;

    /// <summary>Takes the next message, where one is whole.</summary>
    /// <exception cref="JsonException">This is no JSON. The rest of the line is skipped, and reading goes on behind it.</exception>
    /// <exception cref="InvalidDataException">A message is too long. Nothing more can be read.</exception>
    public bool TryTake(out JsonElement message)
    {
        message = default;
        SkipLine();
        try
        {
            var reader = new Utf8JsonReader(_bytes.AsSpan(_scanned, _length - _scanned), isFinalBlock: false, _state);
            bool isWhole = false;
            while (!isWhole && reader.Read())
            {
                isWhole = reader.CurrentDepth == 0 && reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray);
            }

            _scanned += (int)reader.BytesConsumed;
            _state = reader.CurrentState;
            if (isWhole)
            {
                using JsonDocument document = JsonDocument.Parse(_bytes.AsMemory(0, _scanned));
                message = document.RootElement.Clone();
                Drop(_scanned);
                return true;
            }
        }
        catch (JsonException)
        {
            _isSkipping = true;
            throw;
        }

        return _length == _bytes.Length ? throw new InvalidDataException($"found a message of {_length} bytes or more, expected at most {_bytes.Length - 1}") : false;
    }

    private void SkipLine()
    {
        if (_isSkipping)
        {
            int end = _bytes.AsSpan(_scanned, _length - _scanned).IndexOf((byte)'\n');
            _isSkipping = end < 0;
            Drop(end < 0 ? _length : _scanned + end + 1);
        }
    }

    private void Drop(int count)
    {
        _bytes.AsSpan(count, _length - count).CopyTo(_bytes);
        _length -= count;
        _scanned = 0;
        _state = default;
    }
}
