"""How wide the number fields are: a value that a field cannot have is a mistake, not a filter that finds nothing.

Widths are those that Wireshark's fields have (the storage, so a field of three bits may take 255); a test holds them
to the installed Wireshark. Fields that are only ours have no limits.
"""

from __future__ import annotations

from typing import Final

_UNLIMITED: Final = (1 << 64) - 1
_WIDTHS: Final = {
    8: """
        6lowpan.bcast.seqnum 6lowpan.class 6lowpan.dscp 6lowpan.ecn 6lowpan.frag.offset 6lowpan.hc1.encoding
        6lowpan.hc1.next 6lowpan.hc2.udp.encoding 6lowpan.hops 6lowpan.iphc.dci 6lowpan.iphc.sci
        6lowpan.mesh.hops 6lowpan.next 6lowpan.nhc.ext.eid 6lowpan.nhc.ext.length 6lowpan.nhc.ext.next
        6lowpan.nhc.pattern 6lowpan.nhc.udp.ports 6lowpan.pattern 6lowpan.rfrag.tag 6lowpan.rhhop.limit
        6lowpan.rpl.instance 6lowpan.sender.rank coap.code coap.opt.block_mflag coap.opt.block_size
        coap.token_len coap.type coap.version dhcpv6.hopcount dhcpv6.msgtype eap.code eap.id eap.tls.flags
        eap.type eapol.keydes.type eapol.type eapol.version icmpv6.6lowpannd.da.status icmpv6.checksum.status
        icmpv6.code icmpv6.nd.ra.cur_hop_limit icmpv6.nd.ra.flag icmpv6.opt.6co.context_length
        icmpv6.opt.6co.flag.cid icmpv6.opt.aro.status icmpv6.opt.length icmpv6.opt.prefix.length icmpv6.opt.type
        icmpv6.rpl.dao.flag icmpv6.rpl.dao.instance icmpv6.rpl.dao.sequence icmpv6.rpl.daoack.flag
        icmpv6.rpl.daoack.instance icmpv6.rpl.daoack.sequence icmpv6.rpl.daoack.status icmpv6.rpl.dio.dtsn
        icmpv6.rpl.dio.flag icmpv6.rpl.dio.flag.mop icmpv6.rpl.dio.flag.preference icmpv6.rpl.dio.instance
        icmpv6.rpl.dio.version icmpv6.rpl.dis.flags icmpv6.rpl.opt.config.def_lifetime
        icmpv6.rpl.opt.config.flag icmpv6.rpl.opt.config.interval_double icmpv6.rpl.opt.config.pcs
        icmpv6.rpl.opt.config.redundancy icmpv6.rpl.opt.length icmpv6.rpl.opt.metric.length
        icmpv6.rpl.opt.metric.lql.object.counter icmpv6.rpl.opt.metric.lql.object.val icmpv6.rpl.opt.metric.type
        icmpv6.rpl.opt.prefix.flag icmpv6.rpl.opt.prefix.length icmpv6.rpl.opt.route.pref
        icmpv6.rpl.opt.route.prefix_length icmpv6.rpl.opt.solicited.instance icmpv6.rpl.opt.solicited.version
        icmpv6.rpl.opt.target.prefix_length icmpv6.rpl.opt.transit.flag icmpv6.rpl.opt.transit.pathctl
        icmpv6.rpl.opt.transit.pathlifetime icmpv6.rpl.opt.transit.pathseq icmpv6.rpl.opt.type
        icmpv6.rpl.secure.algorithm icmpv6.rpl.secure.key.index icmpv6.rpl.secure.kim icmpv6.rpl.secure.lvl
        icmpv6.type ipv6.dstopts.len ipv6.dstopts.nxt ipv6.fraghdr.nxt ipv6.hlim ipv6.hopopts.len
        ipv6.hopopts.nxt ipv6.nxt ipv6.opt.length ipv6.opt.mpl.flag.s ipv6.opt.mpl.sequence ipv6.opt.rpl.flag
        ipv6.opt.rpl.instance_id ipv6.opt.type ipv6.routing.len ipv6.routing.nxt ipv6.routing.segleft
        ipv6.routing.type ipv6.version pana.flags udp.checksum.status wisun.eapol_relay.kmp_id wisun.fcie.rx
        wisun.fcie.tx wisun.flusie.channeltag wisun.flusie.dwell wisun.lbsie.channeltag
        wisun.lgtkhashie.flag.active_lgtk_index wisun.lgtkhashie.flags wisun.lndie.discovery_slot_time
        wisun.lndie.discovery_slots wisun.lndie.response_threshold wisun.lusie.channeltag
        wisun.netricity.lqiie.lqi wisun.netricity.nftie.type wisun.nrie.nr_id wisun.nrie.timing_accuracy
        wisun.panie.flags wisun.panie.flags.lfn_window_style wisun.panie.flags.routing_method
        wisun.panie.flags.version wisun.pomie.mdr_command_capable_flag wisun.pomie.number_operating_modes
        wisun.pomie.phy_mode_fsk wisun.pomie.phy_mode_id wisun.pomie.phy_mode_ofdm wisun.pomie.phy_type
        wisun.rslie.rsl wisun.subid wisun.usie.accuracy wisun.usie.channel wisun.usie.channel.exclude
        wisun.usie.channel.function wisun.usie.channel.plan wisun.usie.channel_plan_id wisun.usie.class
        wisun.usie.domain wisun.usie.drift wisun.usie.dwell wisun.usie.hop_count wisun.usie.hop_list
        wisun.usie.num_ranges wisun.uttie.type wlan.rsn.ie.gtk_kde.key_id wpan-tap.ch_page
        wpan-tap.fcs_type wpan-tap.lqi wpan-tap.sun_band
        wpan-tap.sun_mode wpan-tap.sun_type wpan.6top_cell_option_rx wpan.6top_cell_option_shared
        wpan.6top_cell_option_tx wpan.6top_cell_options wpan.6top_code wpan.6top_flags_reserved
        wpan.6top_num_cells wpan.6top_seqnum wpan.6top_sfid wpan.6top_type wpan.6top_version wpan.assoc.status
        wpan.aux_sec.key_id_mode wpan.aux_sec.key_index wpan.aux_sec.sec_level wpan.cmd wpan.disassoc.reason
        wpan.eb_filter.attr_id wpan.eb_filter.lqi_minimum wpan.eb_filter.prob wpan.frame_length wpan.gts.count
        wpan.gtsreq.length wpan.ietf_ie.sub_id wpan.mpx.fragment_number wpan.mpx.kmp.id wpan.mpx.multiplex_id
        wpan.mpx.transaction_id wpan.mpx.transfer_type wpan.realign.channel wpan.realign.channel_page
        wpan.sec_key_sequence_counter wpan.seq_no wpan.tsch.hopping_sequence_id wpan.tsch.join_metric
        wpan.tsch.link_options wpan.tsch.nb_links wpan.tsch.slotframe_handle wpan.tsch.slotframe_num
        wpan.tsch.timeslot.id zep.channel_id zep.length zep.lqi zep.type zep.version
    """,
    16: """
        6lowpan.frag.size 6lowpan.frag.tag 6lowpan.iphc.dam 6lowpan.iphc.hlim 6lowpan.iphc.sam 6lowpan.iphc.tf
        6lowpan.mesh.dest16 6lowpan.mesh.orig16 6lowpan.rfrag.datagram_size 6lowpan.rfrag.offset
        6lowpan.rfrag.sequence 6lowpan.rfrag.size 6lowpan.udp.checksum 6lowpan.udp.dst 6lowpan.udp.length
        6lowpan.udp.src coap.mid dhcpv6.duid.type dhcpv6.duidll.hwtype dhcpv6.elapsed_time dhcpv6.option.length
        dhcpv6.option.type dhcpv6.status_code eap.len eapol.keydes.key_len eapol.len
        icmpv6.6lowpannd.da.lifetime icmpv6.checksum icmpv6.echo.identifier icmpv6.echo.sequence_number
        icmpv6.nd.ra.router_lifetime icmpv6.opt.6co.valid_lifetime icmpv6.opt.aro.registration_lifetime
        icmpv6.rpl.dio.rank icmpv6.rpl.opt.config.interval_min icmpv6.rpl.opt.config.lifetime_unit
        icmpv6.rpl.opt.config.max_rank_inc icmpv6.rpl.opt.config.min_hop_rank_inc icmpv6.rpl.opt.config.ocp
        icmpv6.rpl.opt.metric.etx.object.etx icmpv6.rpl.opt.metric.flag.a icmpv6.rpl.opt.metric.flags
        icmpv6.rpl.opt.metric.hp.object.hp icmpv6.rpl.opt.metric.ne.object.energy icmpv6.rpl.opt.metric.prec
        icmpv6.rpl.opt.metric.reserved ipv6.dstopts.len_oct ipv6.fraghdr.offset ipv6.hopopts.len_oct
        ipv6.opt.rpl.sender_rank ipv6.plen ipv6.routing.len_oct pana.avp.code pana.avp.data_length pana.length
        pana.type udp.checksum udp.dstport udp.length udp.port udp.srcport wisun.bsie.schedule
        wisun.lbsie.broadcast_id wisun.lfnverie.version wisun.lndie.discovery_first_slot wisun.luttie.usn
        wisun.panidie.panid wisun.panie.cost wisun.panie.size wisun.panverie.version wisun.rtie.rendezvous
        wisun.rtie.wakeup wisun.usie.exclude.range wisun.usie.fixed_channel wisun.usie.num_channels wisun.wsie
        wisun.wsie.id wisun.wsie.length wisun.wsie.type wlan.rsn.ie.kde.data_type wlan_rsna_eapol.keydes.data_len
        wlan_rsna_eapol.keydes.key_info wlan_rsna_eapol.keydes.key_info.keydes_version wpan-tap.ch_num
        wpan-tap.chplan.channels wpan.6top_cell_slot_offset wpan.6top_channel_offset wpan.6top_max_num_cells
        wpan.6top_metadata wpan.6top_offset wpan.6top_total_num_cells wpan.addr16 wpan.beacon_order wpan.dst16
        wpan.dst_addr_mode wpan.dst_pan wpan.fcf wpan.frame_type wpan.gts.address wpan.header_ie.id
        wpan.header_ie.length wpan.mlme.ie wpan.mlme.ie.id wpan.mlme.ie.length wpan.mlme.ie.type
        wpan.mpx.total_frame_size wpan.payload_ie.id wpan.payload_ie.length wpan.pending16 wpan.realign.addr
        wpan.realign.pan wpan.src16 wpan.src_addr_mode wpan.src_pan wpan.superframe_order
        wpan.tsch.channel_offset wpan.tsch.link_timeslot wpan.tsch.slotframe_size wpan.tsch.timeslot.ack_wait
        wpan.tsch.timeslot.cca wpan.tsch.timeslot.cca_offset wpan.tsch.timeslot.max_ack
        wpan.tsch.timeslot.rx_ack_delay wpan.tsch.timeslot.rx_offset wpan.tsch.timeslot.rx_wait
        wpan.tsch.timeslot.turnaround wpan.tsch.timeslot.tx_ack_delay wpan.tsch.timeslot.tx_offset wpan.version
        zep.device_id
    """,
    24: """
        6lowpan.flow dhcpv6.xid ipv6.flow wisun.btie.bio wisun.btie.slot wisun.lbsie.broadcast wisun.lbtie.bio
        wisun.lbtie.slot wisun.lndie.response_delay wisun.ltoie.listening_interval wisun.ltoie.offset
        wisun.lusie.listen wisun.luttie.uio wisun.nriw.listening_interval_max wisun.nriw.listening_interval_min
        wisun.uttie.ufsi wpan.eb_filter.attr_id_bits wpan.header_ie.vendor_specific.vendor_oui
        wpan.payload_ie.vendor.oui wpan.tsch.timeslot.length wpan.tsch.timeslot.max_tx
    """,
    32: """
        6lowpan.reassembled.length 6lowpan.rfrag.ack_bitmask coap.opt.block_number coap.payload_length
        dhcpv6.iaaddr.pref_lifetime dhcpv6.iaaddr.valid_lifetime dhcpv6.iaid.t1 dhcpv6.iaid.t2
        dhcpv6.vendoropts.enterprise eap.tls.len frame.len frame.number icmpv6.nd.ra.reachable_time
        icmpv6.nd.ra.retrans_timer icmpv6.opt.mtu icmpv6.opt.prefix.preferred_lifetime
        icmpv6.opt.prefix.valid_lifetime icmpv6.rpl.opt.metric.ll.object.ll icmpv6.rpl.opt.metric.lt.object.lt
        icmpv6.rpl.opt.prefix.preferred_lifetime icmpv6.rpl.opt.prefix.valid_lifetime
        icmpv6.rpl.opt.route.lifetime icmpv6.rpl.opt.targetdesc.descriptor icmpv6.rpl.secure.counter
        ipv6.fraghdr.ident ipv6.routing.rpl.cmprE ipv6.routing.rpl.cmprI ipv6.routing.rpl.pad ipv6.tclass
        ipv6.tclass.dscp ipv6.tclass.ecn pana.avp.vendorid pana.seq pana.sid wisun.bsie.interval
        wisun.usie.explicit.frequency wisun.usie.explicit.spacing wisun.vhie.vid wisun.vpie.vid
        wlan.rsn.ie.key_lifetime_kde.lifetime
        wpan-tap.bit_rate wpan-tap.timeslot_length wpan.aux_sec.frame_counter wpan.sec_frame_counter zep.seqno
    """,
    40: """
        wpan.tsch.asn
    """,
}
"""Fields by their bits."""
_SIGNED: Final = {
    16: """
        wpan.header_ie.csl.period wpan.header_ie.csl.phase wpan.header_ie.csl.rendezvous_time
        wpan.header_ie.csl.wakeup_interval wpan.header_ie.time_correction.value
    """,
    32: """
        ipv6.routing.rpl.addr_count
    """,
}
_SIGNED_NAMES: Final = frozenset(name for names in _SIGNED.values() for name in names.split())
_GREATEST: Final = {
    **{name: (1 << bits) - 1 for bits, names in _WIDTHS.items() for name in names.split()},
    **dict.fromkeys(("len()", "count()"), (1 << 32) - 1),
    **{name: (1 << bits - 1) - 1 for bits, names in _SIGNED.items() for name in names.split()},
}


def greatest(name: str) -> int:
    """The greatest number that a field may have, as far as its width says."""
    return _GREATEST.get(name, _UNLIMITED)


def octets_wide(name: str) -> int:
    """Octets that hold a field's numbers."""
    return (greatest(name).bit_length() + 7) // 8


def is_limited(name: str) -> bool:
    """Whether the width of a field stands here."""
    return name in _GREATEST


def is_unsigned(name: str) -> bool:
    """Whether a field is known to have no negative numbers."""
    return name in _GREATEST and name not in _SIGNED_NAMES


def reckoned(name: str) -> range:
    """What arithmetic on a field may give: as Wireshark, in 32 bits with or without a sign, or in 64."""
    bits = 32 if greatest(name) < 1 << 32 else 64
    return range(-(1 << bits - 1), 1 << bits)
