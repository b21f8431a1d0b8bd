namespace Makatea.EndToEnd;

/// <summary>A guest did not do what the test asked. The message ends with its console.</summary>
internal sealed class GuestException(string message) : Exception(message);
