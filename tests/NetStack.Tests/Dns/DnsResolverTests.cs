using static Makatea.NetStack.Tests.FakeDnsServer;

namespace Makatea.NetStack.Tests;

public sealed class DnsResolverTests
{
    private static readonly DnsName _name = DnsMessageTests.Parse("www.example.org");

    private readonly SimulatedNetwork _network = new(1);
    private readonly SimulatedHost _host;
    private readonly FakeDnsServer _first;
    private readonly FakeDnsServer _second;
    private readonly DnsResolver _resolver;

    public DnsResolverTests()
    {
        _host = _network.AddHost("10.0.0.1");
        _first = new(_network.AddHost("10.0.0.53"));
        _second = new(_network.AddHost("10.0.0.54"));
        _resolver = new(_host, _host.Udp, new(5), null, new() { MaximumQuestions = 8, MaximumQuestionsPerClient = 4 })
        {
            Servers = [_network.Hosts[1].Address, _network.Hosts[2].Address],
        };
        _host.Dispatcher.AddTimer(_resolver);
    }

    [Fact]
    public void AnAnswerIsKeptForItsLifetime()
    {
        _first.Answer = query => Reply(query, 0, Address(_name, 60, 192, 0, 2, 1));
        Assert.Equal("192.0.2.1", Ask().Addresses().Single().ToString());
        _network.Run(20_000);
        DnsAnswer aged = Ask();
        Assert.InRange(aged.Answers.Single().Ttl, 38u, 41u);
        Assert.Single(_first.Queries);
        _network.Run(41_000);
        Ask();
        Assert.Equal(2, _first.Queries.Count);
        Assert.Equal(1, _resolver.Hits);
    }

    [Fact]
    public void EveryQuestionHasAnotherIdAndPort()
    {
        _first.Answer = query => Reply(query, 0, Address(query.Question.Name, 0, 192, 0, 2, 1));
        for (int i = 0; i < 200; i++)
        {
            Ask();
        }

        Assert.Equal(200, _first.Queries.Count);
        Assert.True(_first.Queries.Select(q => q.Query.Id).Distinct().Count() > 190);
        Assert.True(_first.Queries.Select(q => q.Port).Distinct().Count() > 190);
        Assert.True(_first.Queries.Select(q => q.Query.Question.Name.ToString()).Distinct().Count() > 190);
    }

    [Fact]
    public void ASilentServerIsFollowedByTheNext()
    {
        _second.Answer = query => Reply(query, 0, Address(_name, 0, 192, 0, 2, 2));
        Assert.Equal("192.0.2.2", Ask().Addresses().Single().ToString());
        Assert.Single(_first.Queries);
        Ask(); // begins with whom answered
        Assert.Single(_first.Queries);
    }

    [Theory]
    [InlineData(DnsResponseCode.ServerFailure)]
    [InlineData(DnsResponseCode.Refused)]
    public void AServerThatFailsIsFollowedByTheNext(byte code)
    {
        _first.Answer = query => Reply(query, code);
        _second.Answer = query => Reply(query, 0, Address(_name, 0, 192, 0, 2, 2));
        Assert.Equal("192.0.2.2", Ask().Addresses().Single().ToString());
    }

    [Fact]
    public void WhereNobodyAnswersThereIsAFailureThatIsKeptShortly()
    {
        long began = _network.Now;
        Assert.Equal(DnsResponseCode.ServerFailure, Ask().ResponseCode);
        Assert.InRange(_network.Now - began, 5_900, 6_100);
        Assert.Equal(4, _first.Queries.Count + _second.Queries.Count);
        Ask();
        Assert.Equal(4, _first.Queries.Count + _second.Queries.Count);
        _network.Run(6000);
        Ask();
        Assert.Equal(8, _first.Queries.Count + _second.Queries.Count);
    }

    /// <summary>[RFC 6891] 7.</summary>
    [Fact]
    public void AServerWithoutExtensionsIsAskedWithoutThem()
    {
        _first.Answer = query => query.Extension is null ? Reply(query, 0, Address(_name, 0, 192, 0, 2, 1)) : Reply(query, DnsResponseCode.FormatError);
        Assert.Equal("192.0.2.1", Ask().Addresses().Single().ToString());
        Assert.Equal(2, _first.Queries.Count);
    }

    /// <summary>[RFC 2308] 5: the smaller of the SOA's lifetime and its last field.</summary>
    [Theory]
    [InlineData(DnsResponseCode.NoSuchName, 300, 60)]
    [InlineData(DnsResponseCode.NoError, 60, 300)]
    public void NegativeAnswersAreKeptAsTheSoaSays(byte code, uint ttl, uint minimum)
    {
        _first.Answer = query => new()
        {
            Id = query.Id,
            Flags = DnsFlags.Response | (DnsFlags)code,
            Question = query.Question,
            Authorities = [Authority(DnsMessageTests.Parse("example.org"), ttl, minimum)],
        };
        Assert.Equal(code, Ask().ResponseCode);
        _network.Run(58_000);
        Assert.Equal(code, Ask().ResponseCode);
        Assert.Single(_first.Queries);
        _network.Run(3_000);
        Ask();
        Assert.Equal(2, _first.Queries.Count);
    }

    [Theory]
    [InlineData("other.org")] // not above the name
    [InlineData(null)]
    public void NegativeAnswersWithoutASoaOfTheirsAreNotKept(string? zone)
    {
        _first.Answer = query => new()
        {
            Id = query.Id,
            Flags = DnsFlags.Response | (DnsFlags)DnsResponseCode.NoSuchName,
            Question = query.Question,
            Authorities = zone is null ? [] : [Authority(DnsMessageTests.Parse(zone), 300, 300)],
        };
        Ask();
        Ask();
        Assert.Equal(2, _first.Queries.Count);
    }

    [Fact]
    public void RecordsOfOtherNamesAreNotTaken()
    {
        DnsName bank = DnsMessageTests.Parse("bank.example");
        DnsName target = DnsMessageTests.Parse("cdn.example.net");
        _first.Answer = query => query.Question.Name.Equals(_name)
            ? Reply(query, 0, Address(bank, 9999, 6, 6, 6, 6), Alias(_name, target, 60), Address(target, 30, 192, 0, 2, 7), Address(bank, 9999, 6, 6, 6, 6))
            : null;
        DnsAnswer answer = Ask();
        Assert.Equal("192.0.2.7", answer.Addresses().Single().ToString());
        Assert.Equal(2, answer.Answers.Count);
        Assert.Equal(30u, answer.Ttl);
        Assert.Equal(DnsResponseCode.ServerFailure, Ask(bank).ResponseCode);
    }

    [Fact]
    public void AliasesInACircleEnd()
    {
        DnsName other = DnsMessageTests.Parse("other.example.org");
        _first.Answer = query => Reply(query, 0, Alias(_name, other, 60), Alias(other, _name, 60));
        Assert.Empty(Ask().Addresses());
    }

    /// <summary>[RFC 5452] 9.1: what an answer has to fit.</summary>
    [Theory]
    [InlineData("id")]
    [InlineData("name")]
    [InlineData("case")]
    [InlineData("type")]
    [InlineData("server")]
    [InlineData("port")]
    [InlineData("query")]
    public void ForgedAnswersAreNotTaken(string what)
    {
        _first.Answer = query =>
        {
            DnsMessage forged = new()
            {
                Id = (ushort)(query.Id ^ (what == "id" ? 1 : 0)),
                Flags = what == "query" ? DnsFlags.None : DnsFlags.Response,
                Question = what switch
                {
                    "name" => query.Question with { Name = DnsMessageTests.Parse("xww.example.org") },
                    "case" => query.Question with { Name = new([.. query.Question.Name.Wire[..1], (byte)(query.Question.Name.Wire[1] ^ 0x20), .. query.Question.Name.Wire[2..]]) },
                    "type" => query.Question with { Type = DnsType.Aaaa },
                    _ => query.Question,
                },
                Answers = [Address(_name, 9999, 6, 6, 6, 6)],
            };
            ushort port = _first.Queries[^1].Port;
            byte[] buffer = new byte[512];
            int length = DnsWriter.Write(forged, buffer);
            SimulatedHost from = _network.Hosts[what == "server" ? 2 : 1];
            from.Udp.Send(0, from.Address, what == "port" ? (ushort)54 : (ushort)53, _host.Address, port, buffer.AsSpan(0, length));
            return null;
        };
        _second.Answer = query => Reply(query, 0, Address(_name, 60, 192, 0, 2, 2));
        Assert.Equal("192.0.2.2", Ask().Addresses().Single().ToString());
        Assert.Equal(1, _resolver.Mismatched);
    }

    [Fact]
    public void OneQuestionIsAskedOnceForAllWhoWait()
    {
        _first.Answer = query => Reply(query, 0, Address(_name, 60, 192, 0, 2, 1));
        var answers = new List<DnsAnswer>();
        for (int client = 0; client < 3; client++)
        {
            _resolver.Resolve(client, new(_name, DnsType.A), false, answers.Add);
        }

        Assert.True(_network.RunUntil(() => answers.Count == 3, 1000));
        Assert.Single(_first.Queries);
    }

    [Fact]
    public void QuestionsOfAClientAndOfAllAreBounded()
    {
        int failed = 0;
        void Count(DnsAnswer answer) => failed += answer.ResponseCode == DnsResponseCode.ServerFailure ? 1 : 0;
        for (int i = 0; i < 6; i++)
        {
            _resolver.Resolve(1, new(DnsMessageTests.Parse($"a{i}.org"), DnsType.A), false, Count);
        }

        Assert.Equal((2, 2L, 4), (failed, _resolver.Refused, _resolver.Outstanding));
        for (int i = 0; i < 4; i++)
        {
            _resolver.Resolve(2, new(DnsMessageTests.Parse($"b{i}.org"), DnsType.A), false, Count);
        }

        Assert.Equal((2, 8), (failed, _resolver.Outstanding));
        _resolver.Resolve(3, new(DnsMessageTests.Parse("c.org"), DnsType.A), false, Count);
        Assert.Equal((3, 8), (failed, _resolver.Outstanding));
        _network.Run(10_000);
        Assert.Equal((11, 0), (failed, _resolver.Outstanding));
        _resolver.Resolve(1, new(DnsMessageTests.Parse("d.org"), DnsType.A), false, Count);
        Assert.Equal(1, _resolver.Outstanding);
    }

    [Fact]
    public void ManyQuestionsOverABadLinkAreAllAnsweredRightly()
    {
        _network.Faults = new() { Loss = 0.1, Corruption = 0.1, Duplication = 0.1, Reordering = 0.3 };
        DnsMessage Answer(DnsMessage query) => Reply(query, 0, Address(query.Question.Name, 60, [10, .. query.Question.Name.Wire[2..5]]));
        (_first.Answer, _second.Answer) = (Answer, Answer);
        int right = 0;
        for (int i = 100; i < 400; i++)
        {
            DnsAnswer answer = Ask(DnsMessageTests.Parse($"n{i}.org"));
            right += answer.ResponseCode == 0 && answer.Answers.Single().Data.AsSpan(1).SequenceEqual(System.Text.Encoding.ASCII.GetBytes($"{i}")) ? 1 : 0;
            Assert.True(answer.ResponseCode is DnsResponseCode.ServerFailure or 0);
        }

        Assert.InRange(right, 295, 300);
    }

    [Fact]
    public void TheCacheIsBounded()
    {
        var cache = new DnsCache(100, 20_000);
        for (int i = 0; i < 1000; i++)
        {
            DnsName name = DnsMessageTests.Parse($"{i}.org");
            cache.Add(new(new(name, 1), false), new() { Ttl = 60, Answers = [Address(name, 60, 1, 2, 3, 4)] }, 0);
            Assert.True(cache.Count <= 100 && cache.Bytes <= 20_000);
            Assert.NotNull(cache.Find(new(new(DnsMessageTests.Parse("0.org"), 1), false), 0)); // what is used stays
        }

        Assert.InRange(cache.Count, 30, 100);
        DnsName large = DnsMessageTests.Parse("large.org");
        cache.Add(new(new(large, 1), false), new() { Ttl = 60, Answers = [new(large, 16, 1, 60, new byte[30_000])] }, 0);
        Assert.Null(cache.Find(new(new(large, 1), false), 0));
    }

    private DnsAnswer Ask(DnsName? name = null)
    {
        DnsAnswer? answer = null;
        _resolver.Resolve(DnsResolver.Self, new(name ?? _name, DnsType.A), false, a => answer = a);
        Assert.True(_network.RunUntil(() => answer is not null, 20_000));
        return answer!;
    }
}
