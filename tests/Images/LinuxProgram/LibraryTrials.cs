using System.IO.Pipelines;
using Microsoft.Extensions.DependencyInjection;

namespace Makatea.LinuxProgram;

/// <summary>Libraries as any program uses them.</summary>
internal static class LibraryTrials
{
    public static string? Pipelines() => PipelinesAsync().GetAwaiter().GetResult();

    public static string? Injection()
    {
        ServiceProvider services = new ServiceCollection().AddSingleton<Counter>().AddScoped<Reader>().BuildServiceProvider();
        using (services)
        {
            using IServiceScope first = services.CreateScope();
            using IServiceScope second = services.CreateScope();
            Reader one = first.ServiceProvider.GetRequiredService<Reader>();
            Reader other = second.ServiceProvider.GetRequiredService<Reader>();
            one.Counter.Value++;
            other.Counter.Value++;
            return one != other && services.GetRequiredService<Counter>().Value == 2 ? null : "not the services that were registered";
        }
    }

    public static string? Random()
    {
        var seen = new HashSet<int>();
        for (int i = 0; i < 100; i++)
        {
            seen.Add(System.Random.Shared.Next());
        }

        return seen.Count > 95 && Guid.NewGuid() != Guid.NewGuid() ? null : $"{seen.Count} of 100 differ";
    }

    private static async Task<string?> PipelinesAsync()
    {
        const int Total = 1 << 20;
        var pipe = new Pipe();
        Task writing = Task.Run(async () =>
        {
            for (int sent = 0; sent < Total; sent += 1000)
            {
                Memory<byte> memory = pipe.Writer.GetMemory(1000);
                int length = Math.Min(1000, Total - sent);
                for (int i = 0; i < length; i++)
                {
                    memory.Span[i] = (byte)(sent + i);
                }

                pipe.Writer.Advance(length);
                await pipe.Writer.FlushAsync().ConfigureAwait(false);
            }

            await pipe.Writer.CompleteAsync().ConfigureAwait(false);
        });
        int read = 0;
        int wrong = 0;
        for (; ; )
        {
            ReadResult result = await pipe.Reader.ReadAsync().ConfigureAwait(false);
            foreach (ReadOnlyMemory<byte> part in result.Buffer)
            {
                foreach (byte value in part.Span)
                {
                    wrong += value == (byte)read++ ? 0 : 1;
                }
            }

            pipe.Reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                break;
            }
        }

        await writing.ConfigureAwait(false);
        return read == Total && wrong == 0 ? null : $"{read} of {Total} bytes, {wrong} wrong";
    }

    internal sealed class Counter
    {
        public int Value { get; set; }
    }

    internal sealed class Reader(Counter counter)
    {
        public Counter Counter => counter;
    }
}
