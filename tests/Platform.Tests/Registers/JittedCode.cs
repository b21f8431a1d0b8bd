using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Tracing;
using System.Runtime.CompilerServices;
using Iced.Intel;

namespace Makatea.Platform.Tests;

/// <summary>Optimised machine code of methods of this process, found through the events by which the runtime tells what it compiled.</summary>
internal sealed class JittedCode : EventListener
{
    private const string Runtime = "Microsoft-Windows-DotNETRuntime";
    private const EventKeywords JitKeyword = (EventKeywords)0x10;
    private const int MethodLoadVerbose = 143;
    private const int TierShift = 7;
    private const uint TierMask = 7;
    private const uint OptimizedTier1 = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<string, (nint Address, int Length)> _methods = new();

    private static JittedCode Instance { get; set; } = null!;

    /// <summary>Listens before the first test runs: a method is optimised, and told of, once in a process.</summary>
    [ModuleInitializer]
    internal static void Listen() => Instance = new();

    /// <summary>Code of a method after the runtime has optimised it.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="name">Its name, which no other method of the type has.</param>
    /// <param name="call">Calls it; called until the runtime takes notice.</param>
    internal static List<Instruction> Disassemble(Type type, string name, Action call)
    {
        var waited = Stopwatch.StartNew();
        (nint Address, int Length) code;
        while (!Instance._methods.TryGetValue($"{type.FullName}.{name}", out code))
        {
            Assert.True(waited.Elapsed < Patience, $"the runtime did not optimise {name} within {Patience.TotalSeconds} s");
            for (int i = 0; i < 100; i++)
            {
                call();
            }

            Thread.Sleep(10);
        }

        return Disassemble(MemorySegment.UnsafeCreate(code.Address, code.Length).AsSpan().ToArray(), code.Address);
    }

    internal static List<Instruction> Disassemble(byte[] bytes, nint address)
    {
        var decoder = Decoder.Create(64, bytes);
        decoder.IP = (ulong)address;
        List<Instruction> instructions = [];
        while (decoder.IP < (ulong)address + (ulong)bytes.Length)
        {
            instructions.Add(decoder.Decode());
            Assert.NotEqual(Code.INVALID, instructions[^1].Code);
        }

        return instructions;
    }

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == Runtime)
        {
            EnableEvents(eventSource, EventLevel.Verbose, JitKeyword);
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        // MethodLoadVerbose: MethodID, ModuleID, MethodStartAddress, MethodSize, MethodToken, MethodFlags, MethodNamespace, MethodName, ...
        if (eventData is { EventId: MethodLoadVerbose, Payload: { } payload } && (((uint)payload[5]! >> TierShift) & TierMask) == OptimizedTier1)
        {
            _methods[$"{payload[6]}.{payload[7]}"] = ((nint)(ulong)payload[2]!, (int)(uint)payload[3]!);
        }
    }
}
