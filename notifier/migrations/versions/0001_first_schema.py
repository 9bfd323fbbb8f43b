"""first schema

Revision: 0001
Revises: none
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table('audit_entry',
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('prev_hash', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('hash', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
    sa.Column('actor', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('door', sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
    sa.Column('action', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('subject_kind', sqlmodel.sql.sqltypes.AutoString(length=20), nullable=False),
    sa.Column('subject_id', sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
    sa.Column('before', sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
    sa.Column('after', sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
    sa.Column('refs', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('commitment', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('root', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_audit_entry'))
    )
    with op.batch_alter_table('audit_entry', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audit_entry_action'), ['action'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_entry_subject_id'), ['subject_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_entry_subject_kind'), ['subject_kind'], unique=False)

    op.create_table('audit_head',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('hash', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_head'))
    )
    op.create_table('blob',
    sa.Column('sha256', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('media_type', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('packing', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('sha256', name=op.f('pk_blob'))
    )
    op.create_table('customer',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('ref', sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(length=300), nullable=False),
    sa.Column('language', sqlmodel.sql.sqltypes.AutoString(length=5), nullable=False),
    sa.Column('country', sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
    sa.Column('subdivision', sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
    sa.Column('postal_address', sqlmodel.sql.sqltypes.AutoString(length=1000), nullable=False),
    sa.Column('agreement', sqlmodel.sql.sqltypes.AutoString(length=300), nullable=False),
    sa.Column('agreement_date', sa.Date(), nullable=True),
    sa.Column('clause', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('contract_start', sa.Date(), nullable=True),
    sa.Column('contract_end', sa.Date(), nullable=True),
    sa.Column('terms', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('updated_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer')),
    sa.UniqueConstraint('ref', name=op.f('uq_customer_ref'))
    )
    op.create_table('edition',
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('cause', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('value', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('sha256', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.PrimaryKeyConstraint('n', name=op.f('pk_edition'))
    )
    op.create_table('lease',
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('holder', sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
    sa.Column('until', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_lease'))
    )
    op.create_table('provider_post',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('received_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('read_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('words', sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_provider_post'))
    )
    with op.batch_alter_table('provider_post', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_provider_post_read_at'), ['read_at'], unique=False)

    op.create_table('publication',
    sa.Column('path', sqlmodel.sql.sqltypes.AutoString(length=300), nullable=False),
    sa.Column('edition_n', sa.Integer(), nullable=False),
    sa.Column('media_type', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('etag', sqlmodel.sql.sqltypes.AutoString(length=70), nullable=False),
    sa.Column('last_modified', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('path', name=op.f('pk_publication'))
    )
    with op.batch_alter_table('publication', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_publication_edition_n'), ['edition_n'], unique=False)

    op.create_table('service',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('slug', sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('retired_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_service')),
    sa.UniqueConstraint('slug', name=op.f('uq_service_slug'))
    )
    op.create_table('setting',
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
    sa.Column('value', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('changed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_setting'))
    )
    op.create_table('sub_processor',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('legal_name', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('also_known_as', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('address', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('country', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('registration_no', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('website', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('contact', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('relation', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sub_processor'))
    )
    op.create_table('user_account',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('email', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('roles', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('language', sqlmodel.sql.sqltypes.AutoString(length=5), nullable=False),
    sa.Column('password_hash', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('session_epoch', sa.Integer(), nullable=False),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('disabled_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_account')),
    sa.UniqueConstraint('email', name=op.f('uq_user_account_email'))
    )
    op.create_table('announcement',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('uid', sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
    sa.Column('ref', sqlmodel.sql.sqltypes.AutoString(length=20), nullable=False),
    sa.Column('begun_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('made_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('made_by', sa.Integer(), nullable=True),
    sa.Column('edition_n', sa.Integer(), nullable=True),
    sa.Column('corrects_id', sa.Integer(), nullable=True),
    sa.Column('irregular', sa.Boolean(), nullable=False),
    sa.Column('words', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('audience_sha256', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('included', sa.Integer(), nullable=False),
    sa.Column('left_out', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['corrects_id'], ['announcement.id'], name=op.f('fk_announcement_corrects_id')),
    sa.ForeignKeyConstraint(['edition_n'], ['edition.n'], name=op.f('fk_announcement_edition_n')),
    sa.ForeignKeyConstraint(['made_by'], ['user_account.id'], name=op.f('fk_announcement_made_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_announcement')),
    sa.UniqueConstraint('ref', name=op.f('uq_announcement_ref')),
    sa.UniqueConstraint('uid', name=op.f('uq_announcement_uid'))
    )
    op.create_table('api_token',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('label', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('digest', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('last_used_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('revoked_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_api_token_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_token')),
    sa.UniqueConstraint('digest', name=op.f('uq_api_token_digest'))
    )
    with op.batch_alter_table('api_token', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_api_token_user_id'), ['user_id'], unique=False)

    op.create_table('audit_detail',
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('salt', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('detail', sa.JSON(none_as_null=True), nullable=False),
    sa.ForeignKeyConstraint(['seq'], ['audit_entry.seq'], name=op.f('fk_audit_detail_seq')),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_audit_detail'))
    )
    op.create_table('change',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('uid', sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
    sa.Column('ref', sqlmodel.sql.sqltypes.AutoString(length=20), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
    sa.Column('state', sa.Enum('draft', 'in_review', 'sent_back', 'approved', 'announced', 'in_effect', 'rejected', 'withdrawn', name='change_state', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('opens_window', sa.Boolean(), nullable=False),
    sa.Column('separable', sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
    sa.Column('separable_by', sa.Integer(), nullable=True),
    sa.Column('separable_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('separable_how', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('planned_start', sa.Date(), nullable=True),
    sa.Column('start_was', sa.Date(), nullable=True),
    sa.Column('start_open_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('proposed_by', sa.Integer(), nullable=True),
    sa.Column('authors', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('proposed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('updated_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('announced_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('in_effect_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['proposed_by'], ['user_account.id'], name=op.f('fk_change_proposed_by')),
    sa.ForeignKeyConstraint(['separable_by'], ['user_account.id'], name=op.f('fk_change_separable_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_change')),
    sa.UniqueConstraint('ref', name=op.f('uq_change_ref')),
    sa.UniqueConstraint('uid', name=op.f('uq_change_uid'))
    )
    with op.batch_alter_table('change', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_change_state'), ['state'], unique=False)

    op.create_table('contact',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('email', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('phone', sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
    sa.Column('role', sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('bounced_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('barred_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('retired_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_contact_customer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact'))
    )
    with op.batch_alter_table('contact', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_contact_customer_id'), ['customer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_contact_email'), ['email'], unique=False)

    op.create_table('countersignature',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('subject_kind', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('subject_id', sa.Integer(), nullable=False),
    sa.Column('action', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('payload', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('asked_by', sa.Integer(), nullable=False),
    sa.Column('asked_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('signed_by', sa.Integer(), nullable=True),
    sa.Column('signed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('dropped_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['asked_by'], ['user_account.id'], name=op.f('fk_countersignature_asked_by')),
    sa.ForeignKeyConstraint(['signed_by'], ['user_account.id'], name=op.f('fk_countersignature_signed_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_countersignature'))
    )
    with op.batch_alter_table('countersignature', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_countersignature_subject_id'), ['subject_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_countersignature_subject_kind'), ['subject_kind'], unique=False)

    op.create_table('customer_service',
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('service_id', sa.Integer(), nullable=False),
    sa.Column('ended_on', sa.Date(), nullable=True),
    sa.Column('bought_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_customer_service_customer_id')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_customer_service_service_id')),
    sa.PrimaryKeyConstraint('customer_id', 'service_id', name=op.f('pk_customer_service'))
    )
    with op.batch_alter_table('customer_service', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_customer_service_service_id'), ['service_id'], unique=False)

    op.create_table('engagement',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('ref', sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
    sa.Column('sub_processor_id', sa.Integer(), nullable=False),
    sa.Column('activity', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('data_categories', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('data_subjects', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('locations', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('guarantee', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('transfer_basis', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('certificates', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('own_subprocessors', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('since', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('separable', sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
    sa.Column('separable_words', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('separable_by', sa.Integer(), nullable=True),
    sa.Column('separable_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('started_on', sa.Date(), nullable=True),
    sa.Column('ended_on', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['separable_by'], ['user_account.id'], name=op.f('fk_engagement_separable_by')),
    sa.ForeignKeyConstraint(['sub_processor_id'], ['sub_processor.id'], name=op.f('fk_engagement_sub_processor_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_engagement')),
    sa.UniqueConstraint('ref', name=op.f('uq_engagement_ref'))
    )
    with op.batch_alter_table('engagement', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_engagement_ended_on'), ['ended_on'], unique=False)
        batch_op.create_index(batch_op.f('ix_engagement_sub_processor_id'), ['sub_processor_id'], unique=False)

    op.create_table('evidence',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('engagement_ref', sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=30), nullable=False),
    sa.Column('words', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('link', sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=False),
    sa.Column('blob_sha256', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
    sa.Column('file_name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('vouched_by', sa.Integer(), nullable=False),
    sa.Column('vouched_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['blob_sha256'], ['blob.sha256'], name=op.f('fk_evidence_blob_sha256')),
    sa.ForeignKeyConstraint(['vouched_by'], ['user_account.id'], name=op.f('fk_evidence_vouched_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_evidence'))
    )
    with op.batch_alter_table('evidence', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_evidence_engagement_ref'), ['engagement_ref'], unique=False)

    op.create_table('announcement_change',
    sa.Column('announcement_id', sa.Integer(), nullable=False),
    sa.Column('change_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['announcement_id'], ['announcement.id'], name=op.f('fk_announcement_change_announcement_id')),
    sa.ForeignKeyConstraint(['change_id'], ['change.id'], name=op.f('fk_announcement_change_change_id')),
    sa.PrimaryKeyConstraint('announcement_id', 'change_id', name=op.f('pk_announcement_change'))
    )
    with op.batch_alter_table('announcement_change', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_announcement_change_change_id'), ['change_id'], unique=False)

    op.create_table('audience_row',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('announcement_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('included', sa.Boolean(), nullable=False),
    sa.Column('why', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.ForeignKeyConstraint(['announcement_id'], ['announcement.id'], name=op.f('fk_audience_row_announcement_id')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_audience_row_customer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audience_row')),
    sa.UniqueConstraint('announcement_id', 'customer_id', name=op.f('uq_audience_row_announcement_id_customer_id'))
    )
    with op.batch_alter_table('audience_row', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audience_row_announcement_id'), ['announcement_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_audience_row_customer_id'), ['customer_id'], unique=False)

    op.create_table('change_item',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('change_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('engagement_ref', sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
    sa.Column('replaces_ref', sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
    sa.Column('before', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('after', sa.JSON(none_as_null=True), nullable=True),
    sa.ForeignKeyConstraint(['change_id'], ['change.id'], name=op.f('fk_change_item_change_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_change_item'))
    )
    with op.batch_alter_table('change_item', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_change_item_change_id'), ['change_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_change_item_engagement_ref'), ['engagement_ref'], unique=False)
        batch_op.create_index(batch_op.f('ix_change_item_replaces_ref'), ['replaces_ref'], unique=False)

    op.create_table('correction',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('change_id', sa.Integer(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('words', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('told', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('mended', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('announcement_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['announcement_id'], ['announcement.id'], name=op.f('fk_correction_announcement_id')),
    sa.ForeignKeyConstraint(['change_id'], ['change.id'], name=op.f('fk_correction_change_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_correction')),
    sa.UniqueConstraint('change_id', 'n', name=op.f('uq_correction_change_id_n'))
    )
    with op.batch_alter_table('correction', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_correction_announcement_id'), ['announcement_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_correction_change_id'), ['change_id'], unique=False)

    op.create_table('engagement_service',
    sa.Column('engagement_id', sa.Integer(), nullable=False),
    sa.Column('service_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['engagement_id'], ['engagement.id'], name=op.f('fk_engagement_service_engagement_id')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_engagement_service_service_id')),
    sa.PrimaryKeyConstraint('engagement_id', 'service_id', name=op.f('pk_engagement_service'))
    )
    with op.batch_alter_table('engagement_service', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_engagement_service_service_id'), ['service_id'], unique=False)

    op.create_table('exclusion',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('change_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('asked_by', sa.Integer(), nullable=False),
    sa.Column('asked_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('confirmed_by', sa.Integer(), nullable=True),
    sa.Column('confirmed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('recheck_due', sa.Date(), nullable=True),
    sa.Column('ended_by', sa.Integer(), nullable=True),
    sa.Column('ended_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['asked_by'], ['user_account.id'], name=op.f('fk_exclusion_asked_by')),
    sa.ForeignKeyConstraint(['change_id'], ['change.id'], name=op.f('fk_exclusion_change_id')),
    sa.ForeignKeyConstraint(['confirmed_by'], ['user_account.id'], name=op.f('fk_exclusion_confirmed_by')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_exclusion_customer_id')),
    sa.ForeignKeyConstraint(['ended_by'], ['user_account.id'], name=op.f('fk_exclusion_ended_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_exclusion'))
    )
    with op.batch_alter_table('exclusion', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_exclusion_change_id'), ['change_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_exclusion_customer_id'), ['customer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_exclusion_recheck_due'), ['recheck_due'], unique=False)

    op.create_table('irregular_start',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('change_id', sa.Integer(), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('told', sa.Integer(), nullable=False),
    sa.Column('asked_by', sa.Integer(), nullable=False),
    sa.Column('signed_by', sa.Integer(), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['asked_by'], ['user_account.id'], name=op.f('fk_irregular_start_asked_by')),
    sa.ForeignKeyConstraint(['change_id'], ['change.id'], name=op.f('fk_irregular_start_change_id')),
    sa.ForeignKeyConstraint(['signed_by'], ['user_account.id'], name=op.f('fk_irregular_start_signed_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_irregular_start')),
    sa.UniqueConstraint('change_id', name=op.f('uq_irregular_start_change_id'))
    )
    op.create_table('link',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
    sa.Column('target_id', sa.Integer(), nullable=False),
    sa.Column('contact_id', sa.Integer(), nullable=True),
    sa.Column('email', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('nonce', sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('expires_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('used_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('revoked_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_link_contact_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_link')),
    sa.UniqueConstraint('kind', 'target_id', 'contact_id', 'email', 'nonce', name=op.f('uq_link_kind_target_id_contact_id_email_nonce'))
    )
    with op.batch_alter_table('link', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_link_target_id'), ['target_id'], unique=False)

    op.create_table('notice',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('uid', sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
    sa.Column('announcement_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.Enum('pending', 'given', 'undeliverable', 'cancelled', name='notice_state', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('terms', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('opens_window', sa.Boolean(), nullable=False),
    sa.Column('given_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('given_by', sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
    sa.Column('proof', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('promised_last_day', sa.Date(), nullable=True),
    sa.Column('window_id', sa.Integer(), nullable=True),
    sa.Column('acknowledged_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('silence_noted_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['announcement_id'], ['announcement.id'], name=op.f('fk_notice_announcement_id')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_notice_customer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice')),
    sa.UniqueConstraint('announcement_id', 'customer_id', name=op.f('uq_notice_announcement_id_customer_id')),
    sa.UniqueConstraint('uid', name=op.f('uq_notice_uid'))
    )
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_notice_announcement_id'), ['announcement_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_notice_customer_id'), ['customer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_notice_state'), ['state'], unique=False)

    op.create_table('delivery',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('ref', sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('subject_kind', sqlmodel.sql.sqltypes.AutoString(length=20), nullable=False),
    sa.Column('subject_id', sa.Integer(), nullable=False),
    sa.Column('notice_id', sa.Integer(), nullable=True),
    sa.Column('contact_id', sa.Integer(), nullable=True),
    sa.Column('to_email', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('to_name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('language', sqlmodel.sql.sqltypes.AutoString(length=5), nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('words', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('queued', 'sending', 'uncertain', 'accepted', 'delivered', 'bounced', 'blocked', 'failed', 'cancelled', name='delivery_state', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('due_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('lease', sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
    sa.Column('leased_until', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('transport', sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
    sa.Column('provider_id', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('provider_uuid', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('handed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('delivered_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('promised_last_day', sa.Date(), nullable=True),
    sa.Column('letter_sha256', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('absent_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('last_words', sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_delivery_contact_id')),
    sa.ForeignKeyConstraint(['notice_id'], ['notice.id'], name=op.f('fk_delivery_notice_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery')),
    sa.UniqueConstraint('kind', 'subject_kind', 'subject_id', 'to_email', 'attempt', name=op.f('uq_delivery_kind_subject_kind_subject_id_to_email_attempt')),
    sa.UniqueConstraint('ref', name=op.f('uq_delivery_ref'))
    )
    with op.batch_alter_table('delivery', schema=None) as batch_op:
        batch_op.create_index('ix_delivery_claim', ['state', 'due_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_delivery_contact_id'), ['contact_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_delivery_notice_id'), ['notice_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_delivery_provider_id'), ['provider_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_delivery_state'), ['state'], unique=False)

    op.create_table('exclusion_check',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('exclusion_id', sa.Integer(), nullable=False),
    sa.Column('checked_by', sa.Integer(), nullable=False),
    sa.Column('checked_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('how', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('next_due', sa.Date(), nullable=False),
    sa.ForeignKeyConstraint(['checked_by'], ['user_account.id'], name=op.f('fk_exclusion_check_checked_by')),
    sa.ForeignKeyConstraint(['exclusion_id'], ['exclusion.id'], name=op.f('fk_exclusion_check_exclusion_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_exclusion_check'))
    )
    with op.batch_alter_table('exclusion_check', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_exclusion_check_exclusion_id'), ['exclusion_id'], unique=False)

    op.create_table('notice_change',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('notice_id', sa.Integer(), nullable=False),
    sa.Column('change_id', sa.Integer(), nullable=False),
    sa.Column('consent', sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
    sa.Column('consent_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('withdrawn_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('superseded_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('released_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['change_id'], ['change.id'], name=op.f('fk_notice_change_change_id')),
    sa.ForeignKeyConstraint(['notice_id'], ['notice.id'], name=op.f('fk_notice_change_notice_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice_change')),
    sa.UniqueConstraint('notice_id', 'change_id', name=op.f('uq_notice_change_notice_id_change_id'))
    )
    with op.batch_alter_table('notice_change', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_notice_change_change_id'), ['change_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_notice_change_notice_id'), ['notice_id'], unique=False)

    op.create_table('notice_window',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('notice_id', sa.Integer(), nullable=False),
    sa.Column('inputs', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('receipt_day', sa.Date(), nullable=False),
    sa.Column('nominal', sa.Date(), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=False),
    sa.Column('ends_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('zone', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('why', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('versions', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('replaces_id', sa.Integer(), nullable=True),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['notice_id'], ['notice.id'], name=op.f('fk_notice_window_notice_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice_window'))
    )
    with op.batch_alter_table('notice_window', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_notice_window_notice_id'), ['notice_id'], unique=False)

    op.create_table('objection',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('uid', sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
    sa.Column('ref', sqlmodel.sql.sqltypes.AutoString(length=20), nullable=False),
    sa.Column('notice_id', sa.Integer(), nullable=False),
    sa.Column('contact_id', sa.Integer(), nullable=True),
    sa.Column('state', sa.Enum('filed', 'acknowledged', 'not_upheld', 'no_agreement', 'resolved', 'withdrawn', 'terminated', 'right_not_used', name='objection_state', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('nonce', sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
    sa.Column('channel', sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
    sa.Column('filed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('in_time', sa.Boolean(), nullable=True),
    sa.Column('window_ends_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('filer_name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('filer_function', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('filer_email', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('language', sqlmodel.sql.sqltypes.AutoString(length=5), nullable=False),
    sa.Column('text', sqlmodel.sql.sqltypes.AutoString(length=20000), nullable=False),
    sa.Column('measure', sqlmodel.sql.sqltypes.AutoString(length=20000), nullable=False),
    sa.Column('right_until', sa.Date(), nullable=True),
    sa.Column('ended_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_objection_contact_id')),
    sa.ForeignKeyConstraint(['notice_id'], ['notice.id'], name=op.f('fk_objection_notice_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_objection')),
    sa.UniqueConstraint('nonce', name=op.f('uq_objection_nonce')),
    sa.UniqueConstraint('ref', name=op.f('uq_objection_ref')),
    sa.UniqueConstraint('uid', name=op.f('uq_objection_uid'))
    )
    with op.batch_alter_table('objection', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_objection_notice_id'), ['notice_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_objection_state'), ['state'], unique=False)

    op.create_table('delivery_event',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('delivery_id', sa.Integer(), nullable=False),
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('before', sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
    sa.Column('after', sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
    sa.Column('notice_before', sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
    sa.Column('notice_after', sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
    sa.Column('batch', sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
    sa.Column('recorded_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['delivery_id'], ['delivery.id'], name=op.f('fk_delivery_event_delivery_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery_event')),
    sa.UniqueConstraint('key', name=op.f('uq_delivery_event_key'))
    )
    with op.batch_alter_table('delivery_event', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_delivery_event_batch'), ['batch'], unique=False)
        batch_op.create_index(batch_op.f('ix_delivery_event_delivery_id'), ['delivery_id'], unique=False)

    op.create_table('delivery_event_detail',
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
    sa.Column('delivery_id', sa.Integer(), nullable=False),
    sa.Column('words', sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
    sa.Column('raw', sa.JSON(none_as_null=True), nullable=True),
    sa.ForeignKeyConstraint(['delivery_id'], ['delivery.id'], name=op.f('fk_delivery_event_detail_delivery_id')),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_delivery_event_detail'))
    )
    with op.batch_alter_table('delivery_event_detail', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_delivery_event_detail_delivery_id'), ['delivery_id'], unique=False)

    op.create_table('objection_change',
    sa.Column('objection_id', sa.Integer(), nullable=False),
    sa.Column('change_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['change_id'], ['change.id'], name=op.f('fk_objection_change_change_id')),
    sa.ForeignKeyConstraint(['objection_id'], ['objection.id'], name=op.f('fk_objection_change_objection_id')),
    sa.PrimaryKeyConstraint('objection_id', 'change_id', name=op.f('pk_objection_change'))
    )
    with op.batch_alter_table('objection_change', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_objection_change_change_id'), ['change_id'], unique=False)

    op.create_table('objection_message',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('objection_id', sa.Integer(), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('from_us', sa.Boolean(), nullable=False),
    sa.Column('author', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
    sa.Column('text', sqlmodel.sql.sqltypes.AutoString(length=20000), nullable=False),
    sa.ForeignKeyConstraint(['objection_id'], ['objection.id'], name=op.f('fk_objection_message_objection_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_objection_message'))
    )
    with op.batch_alter_table('objection_message', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_objection_message_objection_id'), ['objection_id'], unique=False)

    op.create_table('override',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('act', sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
    sa.Column('change_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('notice_change_id', sa.Integer(), nullable=True),
    sa.Column('blockers', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('asked_by', sa.Integer(), nullable=False),
    sa.Column('signed_by', sa.Integer(), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['asked_by'], ['user_account.id'], name=op.f('fk_override_asked_by')),
    sa.ForeignKeyConstraint(['change_id'], ['change.id'], name=op.f('fk_override_change_id')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_override_customer_id')),
    sa.ForeignKeyConstraint(['notice_change_id'], ['notice_change.id'], name=op.f('fk_override_notice_change_id')),
    sa.ForeignKeyConstraint(['signed_by'], ['user_account.id'], name=op.f('fk_override_signed_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_override'))
    )
    with op.batch_alter_table('override', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_override_act'), ['act'], unique=False)
        batch_op.create_index(batch_op.f('ix_override_change_id'), ['change_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_override_customer_id'), ['customer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_override_notice_change_id'), ['notice_change_id'], unique=False)

    op.create_table('termination',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('objection_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('service_id', sa.Integer(), nullable=True),
    sa.Column('ends_on', sa.Date(), nullable=False),
    sa.Column('recorded_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_termination_customer_id')),
    sa.ForeignKeyConstraint(['objection_id'], ['objection.id'], name=op.f('fk_termination_objection_id')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_termination_service_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_termination'))
    )
    with op.batch_alter_table('termination', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_termination_customer_id'), ['customer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_termination_objection_id'), ['objection_id'], unique=False)




def downgrade() -> None:

    with op.batch_alter_table('termination', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_termination_objection_id'))
        batch_op.drop_index(batch_op.f('ix_termination_customer_id'))

    op.drop_table('termination')
    with op.batch_alter_table('override', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_override_notice_change_id'))
        batch_op.drop_index(batch_op.f('ix_override_customer_id'))
        batch_op.drop_index(batch_op.f('ix_override_change_id'))
        batch_op.drop_index(batch_op.f('ix_override_act'))

    op.drop_table('override')
    with op.batch_alter_table('objection_message', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_objection_message_objection_id'))

    op.drop_table('objection_message')
    with op.batch_alter_table('objection_change', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_objection_change_change_id'))

    op.drop_table('objection_change')
    with op.batch_alter_table('delivery_event_detail', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_delivery_event_detail_delivery_id'))

    op.drop_table('delivery_event_detail')
    with op.batch_alter_table('delivery_event', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_delivery_event_delivery_id'))
        batch_op.drop_index(batch_op.f('ix_delivery_event_batch'))

    op.drop_table('delivery_event')
    with op.batch_alter_table('objection', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_objection_state'))
        batch_op.drop_index(batch_op.f('ix_objection_notice_id'))

    op.drop_table('objection')
    with op.batch_alter_table('notice_window', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_notice_window_notice_id'))

    op.drop_table('notice_window')
    with op.batch_alter_table('notice_change', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_notice_change_notice_id'))
        batch_op.drop_index(batch_op.f('ix_notice_change_change_id'))

    op.drop_table('notice_change')
    with op.batch_alter_table('exclusion_check', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_exclusion_check_exclusion_id'))

    op.drop_table('exclusion_check')
    with op.batch_alter_table('delivery', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_delivery_state'))
        batch_op.drop_index(batch_op.f('ix_delivery_provider_id'))
        batch_op.drop_index(batch_op.f('ix_delivery_notice_id'))
        batch_op.drop_index(batch_op.f('ix_delivery_contact_id'))
        batch_op.drop_index('ix_delivery_claim')

    op.drop_table('delivery')
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_notice_state'))
        batch_op.drop_index(batch_op.f('ix_notice_customer_id'))
        batch_op.drop_index(batch_op.f('ix_notice_announcement_id'))

    op.drop_table('notice')
    with op.batch_alter_table('link', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_link_target_id'))

    op.drop_table('link')
    op.drop_table('irregular_start')
    with op.batch_alter_table('exclusion', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_exclusion_recheck_due'))
        batch_op.drop_index(batch_op.f('ix_exclusion_customer_id'))
        batch_op.drop_index(batch_op.f('ix_exclusion_change_id'))

    op.drop_table('exclusion')
    with op.batch_alter_table('engagement_service', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_engagement_service_service_id'))

    op.drop_table('engagement_service')
    with op.batch_alter_table('correction', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_correction_change_id'))
        batch_op.drop_index(batch_op.f('ix_correction_announcement_id'))

    op.drop_table('correction')
    with op.batch_alter_table('change_item', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_change_item_replaces_ref'))
        batch_op.drop_index(batch_op.f('ix_change_item_engagement_ref'))
        batch_op.drop_index(batch_op.f('ix_change_item_change_id'))

    op.drop_table('change_item')
    with op.batch_alter_table('audience_row', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_audience_row_customer_id'))
        batch_op.drop_index(batch_op.f('ix_audience_row_announcement_id'))

    op.drop_table('audience_row')
    with op.batch_alter_table('announcement_change', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_announcement_change_change_id'))

    op.drop_table('announcement_change')
    with op.batch_alter_table('evidence', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_evidence_engagement_ref'))

    op.drop_table('evidence')
    with op.batch_alter_table('engagement', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_engagement_sub_processor_id'))
        batch_op.drop_index(batch_op.f('ix_engagement_ended_on'))

    op.drop_table('engagement')
    with op.batch_alter_table('customer_service', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_customer_service_service_id'))

    op.drop_table('customer_service')
    with op.batch_alter_table('countersignature', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_countersignature_subject_kind'))
        batch_op.drop_index(batch_op.f('ix_countersignature_subject_id'))

    op.drop_table('countersignature')
    with op.batch_alter_table('contact', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_contact_email'))
        batch_op.drop_index(batch_op.f('ix_contact_customer_id'))

    op.drop_table('contact')
    with op.batch_alter_table('change', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_change_state'))

    op.drop_table('change')
    op.drop_table('audit_detail')
    with op.batch_alter_table('api_token', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_api_token_user_id'))

    op.drop_table('api_token')
    op.drop_table('announcement')
    op.drop_table('user_account')
    op.drop_table('sub_processor')
    op.drop_table('setting')
    op.drop_table('service')
    with op.batch_alter_table('publication', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_publication_edition_n'))

    op.drop_table('publication')
    with op.batch_alter_table('provider_post', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_provider_post_read_at'))

    op.drop_table('provider_post')
    op.drop_table('lease')
    op.drop_table('edition')
    op.drop_table('customer')
    op.drop_table('blob')
    op.drop_table('audit_head')
    with op.batch_alter_table('audit_entry', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_audit_entry_subject_kind'))
        batch_op.drop_index(batch_op.f('ix_audit_entry_subject_id'))
        batch_op.drop_index(batch_op.f('ix_audit_entry_action'))

    op.drop_table('audit_entry')

