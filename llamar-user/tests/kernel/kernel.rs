//! The program and its maps in the kernel, run on single frames.

use std::cell::Cell;

use aya::maps::{Array, HashMap, Map, MapData, PerCpuArray};
use aya::programs::{ProgramError, ProgramInfo, TestRun, TestRunOptions, TestRunResult, Xdp};
use aya::{Ebpf, EbpfLoader};
use llamar_common::abi::{
    self, BUCKETS_MAX, Bucket, COUNTERS_MAX, Control, Counters, GLOBALS, LINKS_MAX, Plain,
    SENDERS_MAX, Sender, map,
};
use llamar_common::testing::Tables;

/// What a test-run leaves in front of a frame without metadata: XDP_PACKET_HEADROOM less the kernel's
/// own `struct xdp_frame`. Metadata takes from it, up to all of it.
pub const HEADROOM: usize = 256 - 40;
/// Buckets of the index: too few for the names of the scene, so that some are elsewhere.
pub const INDEX_BUCKETS: u32 = 16;
/// Longest frame that a test-run takes in one buffer.
pub const LONGEST: usize = 3_000;
/// Shortest frame that a test-run takes.
pub const SHORTEST: usize = 14;

/// As many buckets, and one that is not used.
type Index = [[u8; size_of::<Bucket>()]; INDEX_BUCKETS as usize + 1];
type Links = [[u8; size_of::<abi::Link>()]; LINKS_MAX as usize];
type Senders = [[u8; size_of::<Sender>()]; SENDERS_MAX as usize];
type Buckets = [u64; BUCKETS_MAX as usize];

/// A loaded object.
pub struct Kernel {
    ebpf: Ebpf,
    program: &'static str,
    names: HashMap<MapData, [u8; 72], [u8; 92]>,
    index: Array<MapData, Index>,
    index6: Array<MapData, Index>,
    arp: HashMap<MapData, [u8; 12], [u8; 8]>,
    links: Array<MapData, Links>,
    /// What is in `links`, which is much for a stack.
    held: Box<Links>,
    senders: Array<MapData, Senders>,
    buckets: Array<MapData, Buckets>,
    control: Array<MapData, [u8; size_of::<Control>()]>,
    counters: PerCpuArray<MapData, [u8; 256]>,
    /// What a run writes: the frame behind its metadata.
    output: Vec<u8>,
}

impl Kernel {
    /// Loads one program of the object, with maps of its own.
    pub fn load(object: &[u8], program: &'static str) -> Self {
        let marked =
            crate::marked::Index::new(INDEX_BUCKETS + 1).expect("make the maps of the index");
        let object = marked.written(object).expect("an object with marks");
        let mut ebpf = EbpfLoader::new()
            .load(&object)
            .expect("load the eBPF object");
        let mut take = |name: &str| {
            ebpf.take_map(name)
                .unwrap_or_else(|| panic!("a map {name}"))
        };
        let mut kernel = Self {
            names: typed(take(map::NAMES)),
            index: typed(Map::Array(marked.buckets)),
            index6: typed(Map::Array(marked.addresses)),
            arp: typed(take(map::ARP)),
            links: typed(take(section(map::LINKS))),
            held: boxed([0; size_of::<abi::Link>()]),
            senders: typed(take(section(map::SENDERS))),
            buckets: typed(take(section(map::BUCKETS))),
            control: typed(take(section(map::CONTROL))),
            counters: typed(take(map::COUNTERS)),
            program,
            ebpf,
            output: vec![0; 4_096],
        };
        kernel.xdp().load().expect("load the program");
        kernel
    }

    fn xdp(&mut self) -> &mut Xdp {
        let program = self.ebpf.program_mut(self.program).expect("the program");
        program.try_into().expect("an XDP program")
    }

    /// What the kernel says about the program.
    pub fn info(&mut self) -> ProgramInfo {
        self.xdp().info().expect("the program's info")
    }

    /// Fills the maps, which are empty, with what the tables hold.
    pub fn fill(&mut self, tables: &Tables) {
        for (key, host) in &tables.names {
            let inserted = self.names.insert(raw(key), raw(host), 0);
            inserted.expect("insert a name");
        }
        let (index, index6) = (filled(&tables.index), filled(&tables.index6));
        self.index.set(0, index, 0).expect("set the index");
        self.index6.set(0, index6, 0).expect("set the addresses");
        for (key, host) in &tables.arp {
            let inserted = self.arp.insert(raw(key), raw(host), 0);
            inserted.expect("insert an address");
        }
        for (slot, link) in &tables.links {
            self.link(*slot, link);
        }
        let senders = tables.senders.iter();
        let senders: Box<Senders> = collected(senders.map(|sender| raw(&sender.get())));
        let senders: &Senders = &senders;
        self.senders.set(0, senders, 0).expect("set the senders");
        let buckets: Box<Buckets> = collected(tables.buckets.iter().map(Cell::get));
        let buckets: &Buckets = &buckets;
        self.buckets.set(0, buckets, 0).expect("set the buckets");
        self.control(tables.control);
    }

    /// Sets the entry of a link.
    pub fn link(&mut self, slot: u32, link: &abi::Link) {
        self.held[slot as usize] = raw(link);
        let links: &Links = &self.held;
        self.links.set(0, links, 0).expect("set the links");
    }

    /// Sets what gates the answers.
    pub fn control(&mut self, control: Control) {
        self.control
            .set(0, raw(&control), 0)
            .expect("set the control");
    }

    /// What gates the answers.
    pub fn beat(&self) -> Control {
        plain(&self.control.get(&0, 0).expect("the control"))
    }

    /// Whether a test-run takes metadata that leaves no room in front of a frame; older kernels take 32 bytes.
    pub fn takes_metadata(&mut self) -> bool {
        self.test_run(0, &[0; 14], HEADROOM, &mut []).is_ok()
    }

    /// Runs the program on a frame that arrives on an interface behind so many bytes of metadata. Gives the
    /// program's verdict and the frame afterwards.
    pub fn run(&mut self, ifindex: u32, frame: &[u8], metadata: usize) -> (u32, &[u8]) {
        let mut output = std::mem::take(&mut self.output);
        let result = self
            .test_run(ifindex, frame, metadata, &mut output)
            .unwrap_or_else(|error| panic!("test-run of {} bytes: {error:?}", frame.len()));
        self.output = output;
        let written = &self.output[..result.data_size_out as usize];
        (result.return_value, &written[metadata..])
    }

    fn test_run(
        &mut self,
        ifindex: u32,
        frame: &[u8],
        metadata: usize,
        output: &mut [u8],
    ) -> Result<TestRunResult, ProgramError> {
        let input = [&vec![0; metadata], frame].concat();
        // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let mut context = [0; 24];
        context[0..4].copy_from_slice(&(metadata as u32).to_ne_bytes());
        context[4..8].copy_from_slice(&(input.len() as u32).to_ne_bytes());
        context[12..16].copy_from_slice(&ifindex.to_ne_bytes());
        self.xdp().test_run(TestRunOptions {
            data_in: Some(&input),
            data_out: (!output.is_empty()).then_some(output),
            ctx_in: Some(&context),
            ..TestRunOptions::new()
        })
    }

    /// The counters of every place, summed over all CPUs.
    pub fn counters(&self) -> Vec<Counters> {
        let sum = |place| {
            let mut sum = Counters::default();
            let values = self.counters.get(&place, 0).expect("the counters");
            for counters in values.iter().map(|bytes| plain::<Counters>(bytes)) {
                for (sum, frames) in sum.frames.iter_mut().zip(counters.frames) {
                    *sum += frames;
                }
            }
            sum
        };
        (0..COUNTERS_MAX).map(sum).collect()
    }

    /// The array of buckets.
    pub fn buckets(&self) -> Vec<u64> {
        self.buckets.get(&0, 0).expect("the buckets").into()
    }

    /// The array of senders.
    pub fn senders(&self) -> Vec<Sender> {
        let senders = self.senders.get(&0, 0).expect("the senders");
        senders.iter().map(|bytes| plain(bytes)).collect()
    }
}

/// A map of the index with these buckets, or with none.
fn filled(buckets: &[impl Plain]) -> Index {
    let mut index = [[0; size_of::<Bucket>()]; INDEX_BUCKETS as usize + 1];
    for (place, bucket) in index.iter_mut().zip(buckets) {
        *place = raw(bucket);
    }
    index
}

fn boxed<T: Clone, const N: usize>(value: T) -> Box<[T; N]> {
    collected(std::iter::repeat_n(value, N))
}

fn collected<T, const N: usize>(values: impl Iterator<Item = T>) -> Box<[T; N]> {
    let values: Box<[T]> = values.collect();
    values.try_into().ok().expect("as many as there are places")
}

/// The section under whose name aya has a map that is a global.
fn section(map: &str) -> &'static str {
    let global = GLOBALS.iter().find(|global| global.map == map);
    global.expect("a global").section
}

fn typed<T: TryFrom<Map>>(map: Map) -> T
where
    T::Error: std::fmt::Debug,
{
    map.try_into()
        .expect("a map of the type that the layout says")
}

fn raw<const N: usize>(value: &impl Plain) -> [u8; N] {
    value.bytes().try_into().expect("the size of the layout")
}

fn plain<T: Plain>(bytes: &[u8]) -> T {
    T::from_bytes(bytes).expect("the size of the layout")
}
