using System.Runtime;

namespace Makatea.Sel4.LinuxAbi;

/// <summary>The Linux ABI layer: it starts the program of its component, and answers what it asks of Linux.</summary>
internal static unsafe class Program
{
    [RuntimeExport("LayerMain")]
    private static void Main(ComponentInfo* info)
    {
        Board.Use((long*)((byte*)info + info->BoardOffset));
        KernelCall.UseBuffer((ulong*)ComponentLayout.IpcBuffer);
        Layer.Start(info);
        if (!Ticker.Start(info))
        {
            Process.EndForLayer("there is no thread that tells the time, or no memory for it", 2);
        }

        LinuxThread* first = Threads.Get(0);
        LayerKernel.Start(first->Slot, &first->Registers);
        Serve();
    }

    private static void Serve()
    {
        uint reply = Replies.Take();
        FaultMessage message = LayerKernel.Receive(reply);
        for (; ; )
        {
            if (message.Badge >= FaultMessage.Event)
            {
                Deadlines.Pass();
                message = LayerKernel.Receive(reply);
                continue;
            }

            ulong number = message.Badge - 1;
            if (number >= (ulong)Threads.Count)
            {
                Process.EndForLayer("the thread that tells the time failed", message.Words[0]);
            }

            LinuxThread* thread = Threads.Get((int)number);
            thread->Reply = reply;
            FaultAnswer answer = Faults.Handle(thread, message);
            if (answer == FaultAnswer.None)
            {
                // The thread keeps it, or it is back with the others.
                reply = Replies.Take();
                message = LayerKernel.Receive(reply);
            }
            else
            {
                thread->Reply = 0;
                message = LayerKernel.AnswerAndReceive(reply, answer == FaultAnswer.Registers ? &thread->Registers : null);
            }
        }
    }
}
